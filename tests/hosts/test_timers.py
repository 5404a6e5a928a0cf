"""The timers of real hosts."""

import asyncio
import time

import pytest

from hosts import timers
from hosts.dbus.systemd_units import ManagerProperties, UnitProperties
from hosts.dbus.values import read
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.hosts.test_unit_page import client_of
from tests.hosts.watching import until, watching


def properties(**values):
    return read(UnitProperties, values)


def test_the_next_run_is_the_earlier_of_calendar_and_clock():
    calendar, monotonic = {"NextElapseUSecRealtime": 9_000_000}, {"NextElapseUSecMonotonic": 2_000_000}
    assert timers.next_of(properties(**calendar), 1.0) == 9.0
    assert timers.next_of(properties(**calendar, **monotonic), 1.0) == 3.0
    assert timers.next_of(properties(**monotonic), None) is None
    assert timers.next_of(properties(NextElapseUSecMonotonic=2**64 - 1), 1.0) is None


def test_when_the_host_booted():
    manager = read(
        ManagerProperties, {"UserspaceTimestamp": 5_000_000, "UserspaceTimestampMonotonic": 2_000_000}
    )
    assert timers.booted_at(manager) == 3.0
    assert timers.booted_at(read(ManagerProperties, {})) is None


def test_a_hostile_schedule_is_text():
    odd = properties(
        TimersCalendar=[["OnCalendar", "<b>"], ["x"]],
        TimersMonotonic=[["OnBootUSec", "no", 1], ["OnBootUSec", 9e6, 1]],
    )
    assert timers.schedule_of(odd) == "<b>"


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_timers_are_listed_with_their_runs_and_follow_the_host(web1):
    web1.shell("systemd-run --unit=tick --on-active=2h --timer-property=Description='<b>tick</b>' false")
    client = await client_of()
    async with watching(web1) as host:
        page = (await client.get(f"/host/{host.name}/timers/")).content.decode()
        assert 'id="timer:tick.timer"' in page
        assert "<b>tick" not in page
        tick = next(t for t in timers.listed(host.pk) if t.name == "tick.timer")
        assert abs(tick.next - time.time() - 7200) < 120
        assert (tick.unit, tick.went, tick.last) == ("tick.service", "never run", None)
        async with timers.followed(host.pk):
            await until(lambda: timers.snapshot(host.pk).live)
            await asyncio.to_thread(web1.shell, "systemctl stop tick.timer")
            await until(lambda: not any(t.name == "tick.timer" for t in timers.listed(host.pk)), 30)
