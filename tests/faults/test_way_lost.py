"""The way to a host is lost in the middle of a change: cut, or the host frozen. Others go on; nothing is done twice."""

import asyncio

import pytest

from console.models import Operation
from hosts import unit_verbs, units, watch
from tests.faults.hosts import reached, slow_unit, stops
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


def state(host, name):
    known = units.snapshot(host.pk)
    unit = known and known.value.by_name.get(name)
    return unit.active if unit else None


async def begin_to_stop(host, name, actor):
    await until(lambda: state(host, name) == "active")
    operation = await unit_verbs.act(host, name, unit_verbs.VERBS["stop"], actor=actor)
    assert operation.state == "running"
    return operation


async def test_cut_in_the_middle_of_a_change(patient, web1, actor):
    with slow_unit(patient, seconds=8) as name:
        async with watching(patient, web1) as (host, other):
            operation = await begin_to_stop(host, name, actor)
            await asyncio.to_thread(patient.stop_sshd)
            operation = await reached(operation, "unknown")
            assert operation.error_code == "disconnected"
            await until(lambda: watch.link_of(host.pk).state == "unreachable")
            assert not units.snapshot(host.pk).live
            assert units.snapshot(other.pk).live, "another host is not affected"
            await asyncio.to_thread(patient.start_sshd)
            operation = await reached(operation, "succeeded")
            assert operation.result == f"Observed afterwards: {name} is inactive."
            assert stops(patient, name) == 1
            assert await Operation.objects.acount() == 1


@pytest.mark.timeout(300)
async def test_frozen_for_a_minute_in_the_middle_of_a_change(own_host, web1, actor):
    """Longer than SSH's keepalive bears: the connection is given up, and made anew when the host answers again."""
    with slow_unit(own_host, seconds=2) as name:
        async with watching(own_host, web1) as (host, other):
            operation = await begin_to_stop(host, name, actor)
            await asyncio.to_thread(own_host.freeze)
            try:
                await until(lambda: watch.link_of(host.pk).state != "online")
                assert units.snapshot(host.pk).stale
                await asyncio.sleep(60)
                assert watch.link_of(other.pk).state == "online"
                assert units.snapshot(other.pk).live
            finally:
                await asyncio.to_thread(own_host.thaw)
            await until(lambda: watch.link_of(host.pk).state == "online", 90)
            operation = await reached(operation, "succeeded")
            await until(lambda: state(host, name) == "inactive")
            assert stops(own_host, name) == 1
