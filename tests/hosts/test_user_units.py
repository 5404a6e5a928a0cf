"""The units of a login's own manager: listed while somebody looks, and changed by the same verbs."""

import asyncio

import pytest

from console.models import User
from hosts import unit_verbs, units
from hosts.connections import connections, target_of
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.hosts.test_unit_page import client_of
from tests.hosts.watching import add_host, until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]
AS_ALICE = "runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1000 "


def state(host, name):
    known = units.snapshot(host.pk, "alice")
    row = known and known.value.by_name.get(name)
    return row.active if row else None


async def test_a_logins_units_are_watched_and_started(web1):
    actor = await User.objects.acreate(username="grace", role="admin")
    client = await client_of()
    async with watching(web1) as host:
        assert units.snapshot(host.pk, "alice") is None
        async with units.watched(host.pk, "alice"):
            await until(lambda: state(host, "basic.target") == "active")
            await asyncio.to_thread(web1.shell, f"{AS_ALICE} systemd-run --user --unit=mine.service sleep 1000")
            await until(lambda: state(host, "mine.service") == "active", 30)
            stop = unit_verbs.VERBS["stop"]
            operation = await unit_verbs.act(host, "mine.service", stop, actor=actor, manager="alice")
            assert operation.state == "succeeded", operation.error
            assert operation.shell == "systemctl --user -M alice@ stop -- mine.service"
            await until(lambda: state(host, "mine.service") in (None, "inactive"), 30)
            page = (await client.get(f"/host/{host.name}/user/alice/units/")).content.decode()
            assert "basic.target" in page
            one = (await client.get(f"/host/{host.name}/user/alice/units/basic.target/")).content.decode()
            assert "user/alice/units/basic.target/details/" in one
        tabs = (await client.get(f"/host/{host.name}/managers/?manager=alice")).content.decode()
        assert f'href="/host/{host.name}/user/alice/units/" aria-current="page"' in tabs


async def test_who_may_not_act_on_the_host_is_told_what_to_do(web1):
    actor = await User.objects.acreate(username="grace", role="admin")
    async with watching(web1):
        limited = await add_host(web1, name="limited", user="limited")
        connections.pool.add(target_of(limited))
        await until(lambda: connections.pool.state(limited.pk).state == "online")
        operation = await unit_verbs.act(limited, "cron.service", unit_verbs.VERBS["stop"], actor=actor)
        assert (operation.state, operation.error_code) == ("failed", "not-authorised-on-host")
        assert "sudo" in operation.remedy
        await connections.forget(limited.pk)
