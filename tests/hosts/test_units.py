"""The live list of units and its verbs, on a real host."""

import asyncio

import pytest

from console.errors import Busy, InvalidInput, NotFound
from console.models import User
from hosts import unit_verbs, units
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="admin")


def state(host, name):
    snapshot = units.snapshot(host.pk)
    unit = snapshot and snapshot.value.by_name.get(name)
    return unit.active if unit else None


async def act(host, name, verb, actor, **more):
    return await unit_verbs.act(host, name, unit_verbs.VERBS[verb], actor=actor, **more)


async def test_a_change_made_in_a_shell_is_seen(web1):
    async with watching(web1) as host:
        await until(lambda: state(host, "dbus.service") == "active")
        web1.shell("systemd-run --unit=seen.service sleep 1000")
        await until(lambda: state(host, "seen.service") == "active")
        web1.shell("systemctl stop seen.service")
        await until(lambda: state(host, "seen.service") in (None, "inactive"))


async def test_verbs_are_done_and_recorded(web1, actor):
    web1.shell(
        "printf '[Service]\\nExecStart=sleep 1000\\n' > /etc/systemd/system/verbs.service; systemctl daemon-reload"
    )
    async with watching(web1) as host:
        await until(lambda: state(host, "verbs.service") == "inactive")
        started = await act(host, "verbs.service", "start", actor)
        assert (started.state, started.result) == ("succeeded", "verbs.service started")
        assert started.shell == "systemctl start -- verbs.service"
        assert started.call == 'org.freedesktop.systemd1.Manager.StartUnit("verbs.service", "replace")'
        await until(lambda: state(host, "verbs.service") == "active")
        await act(host, "verbs.service", "kill", actor, signal="SIGKILL")
        await until(lambda: state(host, "verbs.service") == "failed")
        await act(host, "verbs.service", "reset-failed", actor)
        await until(lambda: state(host, "verbs.service") == "inactive")
        assert (
            await act(host, "verbs.service", "enable", actor)
        ).error == "verbs.service has no [Install] section."
        masked = await act(host, "verbs.service", "mask", actor)
        assert masked.state == "failed"  # a file is in the way: nothing is overwritten
    web1.shell("rm /etc/systemd/system/verbs.service; systemctl daemon-reload")


async def test_a_failing_start_says_so(web1, actor):
    web1.shell(
        "printf '[Service]\\nType=oneshot\\nExecStart=false\\n' > /etc/systemd/system/bad.service; systemctl daemon-reload"
    )
    async with watching(web1) as host:
        await until(lambda: state(host, "bad.service"))
        operation = await act(host, "bad.service", "start", actor)
        assert operation.state == "failed"
        assert operation.error == "The job to start bad.service ended with: failed."
        await until(lambda: state(host, "bad.service") == "failed")
    web1.shell("rm /etc/systemd/system/bad.service; systemctl daemon-reload; systemctl reset-failed")


async def test_names_that_are_no_unit_names_never_reach_the_host(web1, actor):
    async with watching(web1) as host:
        for name in ("../x.service", "a\nb.service", "-x", "x" * 300 + ".service", "nul\0.service", ""):
            with pytest.raises(InvalidInput):
                await act(host, name, "start", actor)
        with pytest.raises(NotFound):
            units.unit(host.pk, "not-there.service")


async def test_the_watcher_does_not_wake_itself(web1):
    """Asking for a unit by name loads it, which is a change: that must not go round for ever."""
    async with watching(web1) as host:
        await until(lambda: state(host, "dbus.service") == "active")
        web1.shell("systemctl show -p Id nothing-like-it.service > /dev/null")
        await asyncio.sleep(1)
        before = units.snapshot(host.pk).version
        await asyncio.sleep(2)
        assert units.snapshot(host.pk).version == before


async def test_two_at_once_on_one_unit_and_the_second_learns_who(web1, actor):
    web1.shell(
        "printf '[Service]\\nExecStart=sleep 1000\\nExecStop=sleep 2\\n' > /etc/systemd/system/slow.service;"
        "systemctl daemon-reload; systemctl start slow"
    )
    grace = await User.objects.acreate(username="grace", role="admin")
    async with watching(web1) as host:
        await until(lambda: state(host, "slow.service") == "active")
        first = asyncio.create_task(act(host, "slow.service", "stop", actor))
        await until(lambda: state(host, "slow.service") == "deactivating")
        with pytest.raises(Busy, match=r"ada: units.stop slow.service"):
            await act(host, "slow.service", "restart", grace)
        await first
        await until(lambda: state(host, "slow.service") in (None, "inactive"))
    web1.shell("rm /etc/systemd/system/slow.service; systemctl daemon-reload")
