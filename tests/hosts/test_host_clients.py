"""The clients of login1, hostname1, timedate1 and machine1 against real services, over SSH."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from console.errors import InvalidInput, NotFound, Unreachable, Unsupported
from hosts.dbus.bus import Bus
from hosts.dbus.hostname1 import Hostname1
from hosts.dbus.login1 import Login1
from hosts.dbus.machine1 import Machine1, unit_of_image
from hosts.dbus.timedate1 import Timedate1
from tests.hosts.transports import connect, way_to
from tests.lab.hosts import LabHost

pytestmark = pytest.mark.lab

SYSTEM_BUS = "/run/dbus/system_bus_socket"


@pytest.fixture
async def bus(web1: LabHost) -> AsyncIterator[Bus]:
    async with way_to("ssh", web1) as transport:
        connected = await Bus.connect(await transport.socket(SYSTEM_BUS))
        yield connected
        await connected.close()


async def test_sessions(bus: Bus, web1: LabHost) -> None:
    login1 = Login1(bus)
    sessions = await login1.list_sessions()
    ours = [session for session in sessions if session.session_class == "user" and session.user == "root"]
    assert ours
    assert (ours[0].uid, ours[0].remote, ours[0].service) == (0, True, "sshd")
    assert ours[0].remote_host
    assert ours[0].seat is None
    assert 0 <= time.time() - ours[0].timestamp / 1e6 < 86400
    with pytest.raises(NotFound):
        await login1.terminate_session("nope")


async def test_logins_are_told(bus: Bus, web1: LabHost) -> None:
    changes = asyncio.Queue()
    subscriptions = await Login1(bus).on_sessions_changed(lambda: changes.put_nowait(1))
    another = await connect("ssh", web1)
    await asyncio.wait_for(changes.get(), 5)
    await another.close()
    for subscription in subscriptions:
        await subscription.close()


async def test_power_is_scheduled_and_called_off(bus: Bus) -> None:
    login1 = Login1(bus)
    assert await login1.can_reboot() == "yes"
    assert await login1.can_power_off() == "yes"
    assert await login1.scheduled_shutdown() is None
    await login1.set_wall_message("<b>maintenance</b>")
    at = int((time.time() + 36_000) * 1_000_000)
    await login1.schedule_shutdown("reboot", at)
    scheduled = await login1.scheduled_shutdown()
    assert (scheduled.kind, scheduled.at) == ("reboot", at)
    assert await login1.cancel_scheduled_shutdown() is True
    assert await login1.cancel_scheduled_shutdown() is False
    assert await login1.scheduled_shutdown() is None
    with pytest.raises(InvalidInput):
        await login1.schedule_shutdown("explode", at)


async def test_inhibitors(bus: Bus, web1: LabHost) -> None:
    web1.shell("systemd-run --unit=t-inhibit systemd-inhibit --what=shutdown --who='<i>me' --why=busy sleep 60")
    async with asyncio.timeout(5):
        while not (found := [one for one in await Login1(bus).list_inhibitors() if one.who == "<i>me"]):
            await asyncio.sleep(0.05)
    assert (found[0].what, found[0].why, found[0].mode, found[0].uid) == ("shutdown", "busy", "block", 0)
    web1.shell("systemctl stop t-inhibit")


async def test_reboot(own_host: LabHost) -> None:
    before = own_host.boot_id()
    async with way_to("ssh", own_host) as transport:
        bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
        login1, told = Login1(bus), []
        await login1.on_prepare_for_shutdown(told.append)
        try:
            await login1.reboot()
            await asyncio.wait_for(bus.wait_closed(), 30)
        except Unreachable:
            assert bus.closed
        assert told == [True]
        await bus.close()
    async with asyncio.timeout(60):
        while await asyncio.to_thread(boot_id, own_host) in ("", before):
            await asyncio.sleep(0.3)


def boot_id(host: LabHost) -> str:
    return host.shell("cat /proc/sys/kernel/random/boot_id", check=False).strip()


async def test_hostname(bus: Bus, web1: LabHost) -> None:
    hostname1 = Hostname1(bus)
    identity = await hostname1.properties()
    assert identity.hostname == "web1"
    assert identity.machine_id == web1.shell("cat /etc/machine-id").strip()
    assert identity.chassis == "container"
    assert identity.os_pretty_name.startswith("Debian GNU/Linux")
    assert identity.kernel_release == web1.shell("uname -r").strip()
    assert identity.hardware_vendor is None or identity.hardware_vendor
    await hostname1.set_pretty_hostname("Wéb <b>one</b>")
    assert (await hostname1.properties()).pretty_hostname == "Wéb <b>one</b>"
    await hostname1.set_pretty_hostname("")
    assert (await hostname1.properties()).pretty_hostname is None
    for bad in ("a b", "-oProxyCommand=x", "x" * 300, "a/b"):
        with pytest.raises(InvalidInput):
            await hostname1.set_static_hostname(bad)


async def test_static_hostname(own_host: LabHost) -> None:
    async with way_to("ssh", own_host) as transport:
        bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
        await Hostname1(bus).set_static_hostname("renamed")
        assert (await Hostname1(bus).properties()).static_hostname == "renamed"
        assert own_host.shell("cat /etc/hostname").strip() == "renamed"
        await bus.close()


async def test_clock(bus: Bus) -> None:
    timedate1 = Timedate1(bus)
    clock = await timedate1.properties()
    assert clock.timezone
    assert abs(clock.time / 1e6 - time.time()) < 5
    assert "Europe/Paris" in await timedate1.list_timezones()
    with pytest.raises(InvalidInput):
        await timedate1.set_timezone("Europe/Nowhere")
    if not clock.can_ntp:
        with pytest.raises(Unsupported):
            await timedate1.set_ntp(True)


async def test_machines(bus: Bus) -> None:
    machine1 = Machine1(bus)
    assert ".host" in {machine.name for machine in await machine1.list_machines()}
    host = await machine1.machine(".host")
    assert (host.leader, host.root_directory, host.state) == (1, "/", "running")
    assert (await machine1.os_release(".host"))["ID"] == "debian"
    assert ".host" in {image.name for image in await machine1.list_images()}
    subscriptions = await machine1.on_machines_changed(lambda: None)
    for call in (machine1.machine, machine1.terminate, machine1.os_release):
        with pytest.raises(NotFound):
            await call("nope")
    for subscription in subscriptions:
        await subscription.close()


def test_the_unit_of_an_image() -> None:
    assert unit_of_image("a-b") == r"systemd-nspawn@a\x2db.service"
