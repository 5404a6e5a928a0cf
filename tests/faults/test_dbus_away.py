"""The host's D-Bus daemon goes away and comes back, while SSH holds."""

import pytest

from console.models import Operation
from console.snapshots import snapshots
from hosts import unit_verbs, units, watch
from hosts.connections import connections
from tests.faults.hosts import bus_back, bus_gone, reached, slow_unit, stops
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


def is_live(host):
    known = units.snapshot(host.pk)
    return bool(known and known.live)


def state(host, name):
    known = units.snapshot(host.pk)
    unit = known and known.value.by_name.get(name)
    return unit.active if unit else None


async def test_killed_and_back(patient, actor):
    async with watching(patient) as host:
        await until(lambda: is_live(host))
        transport = connections.get(host.pk).transport
        bus_gone(patient)
        await until(lambda: not is_live(host), 30)
        assert units.snapshot(host.pk).value.by_name, "what was known stays"
        trouble = watch.trouble_of(host.pk, ["units"])
        assert trouble.title in {"The connection to the host was lost", "The host's D-Bus does not answer"}
        assert watch.link_of(host.pk).state == "online"
        bus_back(patient)
        await until(lambda: is_live(host), 30)
        assert watch.trouble_of(host.pk, ["units"]) is None
        assert connections.get(host.pk).transport is transport, "SSH was not touched"
        patient.shell("systemd-run --unit=after-dbus.service sleep 1000")
        await until(lambda: state(host, "after-dbus.service") == "active", 30)
        patient.shell("systemctl stop after-dbus.service")


async def test_restarted(patient):
    """The page's rows are not sent anew: what did not change is only confirmed."""
    async with watching(patient) as host:
        await until(lambda: is_live(host))
        patient.shell("systemctl restart dbus.service systemd-logind.service")
        await until(lambda: not is_live(host), 30)
        await until(lambda: is_live(host), 30)
        known = units.snapshot(host.pk)
        assert snapshots.changed_since(host.pk, "units", known.version) == set()


async def test_in_the_middle_of_a_change(patient, actor):
    """Its answer is lost with the bus. It becomes unknown, and is looked at when the bus is back: not repeated."""
    with slow_unit(patient) as name:
        async with watching(patient) as host:
            await until(lambda: state(host, name) == "active")
            operation = await unit_verbs.act(host, name, unit_verbs.VERBS["stop"], actor=actor)
            assert operation.state == "running"
            bus_gone(patient)
            operation = await reached(operation, "unknown")
            assert operation.error_code == "disconnected"
            bus_back(patient)
            operation = await reached(operation, "succeeded")
            assert operation.result == f"Observed afterwards: {name} is inactive."
            assert stops(patient, name) == 1
            assert await Operation.objects.acount() == 1
