"""Power of real hosts: down, back, later, called off; and what the host refuses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from console import operations
from console.errors import InvalidInput
from console.models import Operation, User
from hosts import power
from hosts.connections import connections
from hosts.power import POWER_OFF, RESTART, HeldBack
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada():
    return User.objects.create_user("ada", role="admin")


async def ended(operation, seconds=60):
    async with asyncio.timeout(seconds):
        while (row := await Operation.objects.aget(pk=operation.pk)).is_open:
            await asyncio.sleep(0.1)
    return row


async def rebooted(lab, lab_host, before):
    """Wait for its next boot; the connections follow it to the address it has now."""
    while (
        await asyncio.to_thread(lab_host.shell, "cat /proc/sys/kernel/random/boot_id", check=False)
    ).strip() in (
        "",
        before,
    ):
        await asyncio.sleep(0.2)
    return await asyncio.to_thread(lab.refresh, lab_host)


async def test_a_restart_has_succeeded_when_the_host_is_back(lab, own_host, ada):
    before = await asyncio.to_thread(own_host.boot_id)
    async with watching(own_host) as host:
        operation = await power.go_down(host, RESTART, actor=ada, message="Back in a minute")
        assert operation.is_open, (operation.state, operation.error)
        back = await rebooted(lab, own_host, before)
        if back.address != own_host.address:
            target = connections.pool._keeper(host.pk).target
            connections.pool.add(replace(target, address=back.address))
        row = await ended(operation)
        assert row.state == "succeeded", row.error
        after = await asyncio.to_thread(back.boot_id)
        assert row.result == f"Restarted: boot {after.replace('-', '')} began."
        assert row.shell == "systemctl reboot"


async def test_one_that_vigie_did_not_see_the_end_of_is_observed(web1, ada):
    async with watching(web1) as host:
        boot = (await asyncio.to_thread(web1.boot_id)).replace("-", "")
        rows = [
            await Operation.objects.acreate(
                key=f"reboot:{began}:x",
                actor=ada,
                verb="power.restart",
                kind="host",
                target=host.name,
                host_id=host.pk,
                host_name=host.name,
                state="unknown",
                deadline="2030-01-01T00:00Z",
            )
            for began in (boot, "0" * 32)
        ]
        await operations.observe(host.pk)
        same, other = [(await Operation.objects.aget(pk=row.pk)).state for row in rows]
        assert (same, other) == ("unknown", "succeeded")


async def test_schedule_show_and_call_off(web1, ada):
    async with watching(web1) as host:
        assert (await power.state(host)).scheduled is None
        operation = await power.schedule(host, POWER_OFF, minutes=90, actor=ada, message="Kernel update")
        assert operation.state == "succeeded", operation.error
        assert operation.shell == "shutdown -P +90 'Kernel update'"
        scheduled = (await power.state(host)).scheduled
        assert scheduled.label == "Power off"
        assert abs(scheduled.at.timestamp() - time.time() - 5400) < 10
        operation = await power.cancel(host, actor=ada)
        assert operation.state == "succeeded", operation.error
        assert (await power.state(host)).scheduled is None
        again = await power.cancel(host, actor=ada)
        assert again.state == "failed"
        with pytest.raises(InvalidInput):
            await power.schedule(host, RESTART, minutes=0, actor=ada)
        with pytest.raises(InvalidInput):
            await power.schedule(host, RESTART, minutes=5, actor=ada, message="two\nlines")


async def test_what_holds_it_back_is_shown_and_asked_about(web2, ada):
    async with watching(web2) as host:
        await asyncio.to_thread(
            web2.shell,
            "systemd-run --unit=holds --quiet systemd-inhibit --what=shutdown --who=backup --why='writes a copy' sleep 300",
        )
        try:
            async with asyncio.timeout(10):
                while not (held := (await power.state(host)).blocked):
                    await asyncio.sleep(0.1)
            assert (held[0].who, held[0].why) == ("backup", "writes a copy")
            with pytest.raises(HeldBack, match="backup: writes a copy"):
                await power.go_down(host, RESTART, actor=ada)
            assert await Operation.objects.acount() == 0
        finally:
            await asyncio.to_thread(web2.shell, "systemctl stop holds")


async def test_a_plain_user_is_told_what_is_missing(web1, ada):
    async with watching(web1) as host:
        limited = replace(connections.pool._keeper(host.pk).target, user="limited")
        connections.pool.add(limited)
        await until(lambda: connections.pool.state(host.pk).state == "online")
        state = await power.state(host)
        assert "polkit" in state.may["restart"]
        operation = await power.go_down(host, RESTART, actor=ada)
        row = await ended(operation)
        assert (row.state, row.error_code) == ("failed", "not-authorised-on-host")
