"""The client of systemd against a real one, over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import (
    AnswerTimedOut,
    Conflict,
    ConsoleError,
    Disconnected,
    Failed,
    InvalidInput,
    NotAuthorised,
    NotFound,
)
from hosts.dbus.bus import Bus, Variant
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_units import PropertiesChanged, Reloading, UnitFilesChanged, UnitRemoved
from hosts.transport.base import Transport
from hosts.transport.ssh import SshTransport
from tests.hosts.transports import way_to
from tests.lab.hosts import LabHost

pytestmark = pytest.mark.lab

SYSTEM_BUS = "/run/dbus/system_bus_socket"


@contextlib.asynccontextmanager
async def bus_of(host: LabHost, way: str = "ssh") -> AsyncIterator[Bus]:
    async with way_to(way, host) as transport:
        bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
        try:
            yield bus
        finally:
            await bus.close()


@pytest.fixture
async def systemd(web1: LabHost) -> AsyncIterator[Systemd]:
    async with bus_of(web1) as bus:
        yield Systemd(bus)


@pytest.fixture
def unit(web1: LabHost):
    """Writes a unit file, and takes it away at the end."""
    written = []

    def write(name: str, text: str) -> str:
        web1.shell(f"cat > /etc/systemd/system/{name}; systemctl daemon-reload", stdin=text)
        written.append(name)
        return name

    yield write
    for name in written:
        web1.shell(
            f"systemctl stop {name}; systemctl disable {name}; rm -rf /etc/systemd/system/{name}*; "
            f"systemctl daemon-reload; systemctl reset-failed {name}",
            check=False,
        )


def service(command: str, **settings: str) -> str:
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    return f"[Service]\nExecStart={command}\n{lines}[Install]\nWantedBy=multi-user.target\n"


@pytest.mark.parametrize("way", ["ssh", "sudo"])
async def test_lists(web1: LabHost, way: str) -> None:
    async with bus_of(web1, way) as bus:
        systemd = Systemd(bus)
        units = {unit.name: unit for unit in await systemd.list_units()}
        assert (units["ssh.service"].active_state, units["ssh.service"].sub_state) == ("active", "running")
        assert "-.mount" in units
        by_pattern = await systemd.list_units_by_patterns(["ssh*"], ["active"])
        assert "ssh.service" in {unit.name for unit in by_pattern} <= set(units)
        (missing,) = await systemd.list_units_by_names(["nope.service"])
        assert missing.load_state == "not-found"
        files = dict(await systemd.list_unit_files())
        assert files["/usr/lib/systemd/system/ssh.service"] == "enabled"
        manager = await systemd.manager_properties()
        assert manager.version is not None
        assert manager.system_state in ("running", "degraded")
        assert manager.unit_path


async def test_properties(systemd: Systemd, web1: LabHost) -> None:
    ssh = await systemd.unit_properties("ssh.service")
    assert (ssh.id, ssh.load_state, ssh.active_state, ssh.sub_state) == (
        "ssh.service",
        "loaded",
        "active",
        "running",
    )
    assert ssh.unit_file_state == "enabled"
    assert ssh.fragment_path == "/usr/lib/systemd/system/ssh.service"
    assert ssh.main_pid == int(web1.shell("systemctl show --value -p MainPID ssh.service"))
    assert ssh.invocation_id == web1.shell("systemctl show --value -p InvocationID ssh.service").strip()
    assert ssh.memory_current is not None
    assert ssh.memory_max is None
    assert "multi-user.target" in ssh.wanted_by
    assert abs(ssh.active_enter_timestamp / 1e6 - time.time()) < 86400
    assert (ssh.can_start, ssh.can_stop, ssh.can_reload) == (True, True, True)
    assert ssh.next_elapse_realtime is None
    assert ssh.timers_calendar == ()


async def test_properties_of_what_is_not_there(systemd: Systemd) -> None:
    missing = await systemd.unit_properties("nope.service")
    assert (missing.load_state, missing.active_state) == ("not-found", "inactive")
    assert missing.load_error
    assert missing.fragment_path is None
    with pytest.raises(NotFound):
        await systemd.get_unit("nope.service")
    assert (await systemd.load_unit("nope.service")).endswith("nope_2eservice")


async def test_a_timer(systemd: Systemd, unit) -> None:
    unit("t-timed.service", service("/bin/true", Type="oneshot"))
    name = unit("t-timed.timer", "[Timer]\nOnCalendar=*-*-* 03:00:00\nOnBootSec=10d\nPersistent=no\n")
    assert await systemd.start(name) == "done"
    timer = await systemd.unit_properties(name)
    assert timer.unit == "t-timed.service"
    assert timer.triggers == ("t-timed.service",)
    assert timer.next_elapse_realtime / 1e6 > time.time()
    assert timer.last_trigger is None
    assert timer.timers_calendar[0][:2] == ("OnCalendar", "*-*-* 03:00:00")
    assert timer.timers_monotonic[0][:2] == ("OnBootUSec", 864_000_000_000)


async def test_jobs_say_how_they_ended(systemd: Systemd, unit) -> None:
    works = unit("t-works.service", service("/bin/sleep infinity"))
    fails = unit("t-fails.service", service("/bin/false", Type="oneshot"))
    needs = unit("t-needs.service", f"[Unit]\nRequires={fails}\nAfter={fails}\n" + service("/bin/true"))
    assert await systemd.start(works) == "done"
    assert await systemd.restart(works) == "done"
    assert await systemd.try_restart(works) == "done"
    assert await systemd.stop(works) == "done"
    assert await systemd.stop(works) == "done"
    assert await systemd.start(fails) == "failed"
    failed = await systemd.unit_properties(fails)
    assert (failed.active_state, failed.result) == ("failed", "exit-code")
    assert (failed.exec_main_code, failed.exec_main_status) == (1, 1)
    assert await systemd.start(needs) == "dependency"
    await systemd.reset_failed(fails)
    assert (await systemd.unit_properties(fails)).active_state == "inactive"
    with pytest.raises(ConsoleError):
        await systemd.reload(works)


async def test_a_job_that_is_cancelled_or_takes_too_long(systemd: Systemd, unit) -> None:
    slow = unit("t-slow.service", service("/bin/sleep 60", Type="oneshot"))
    with pytest.raises(AnswerTimedOut) as raised:
        await systemd.start(slow, timeout=0.5)
    assert not raised.value.outcome_known
    job = (await systemd.unit_properties(slow)).job_id
    both = [asyncio.create_task(systemd.start(slow)) for _ in range(2)]
    await asyncio.sleep(0.3)
    await systemd.cancel_job(job)
    assert await asyncio.gather(*both) == ["canceled", "canceled"]
    with pytest.raises(NotFound):
        await systemd.cancel_job(job)
    assert systemd._jobs._running == 0
    assert not systemd._jobs._waiting
    assert not systemd._jobs._ended


async def test_many_short_jobs_at_once(systemd: Systemd, unit) -> None:
    names = [unit(f"t-short{n}.service", service("/bin/true", Type="oneshot")) for n in range(8)]
    assert await asyncio.gather(*(systemd.start(name) for name in names)) == ["done"] * 8


async def test_changes_made_elsewhere_arrive(systemd: Systemd, web1: LabHost, unit) -> None:
    name = unit("t-seen.service", service("/bin/sleep infinity", Description="x"))
    events = []
    subscriptions = await systemd.events(events.append)
    await systemd.subscribe()

    async def seen(condition, within: float = 1.0) -> None:
        async with asyncio.timeout(within):
            while not any(condition(event) for event in events):
                await asyncio.sleep(0.01)
        events.clear()

    def became(state: str):
        return lambda event: (
            isinstance(event, PropertiesChanged)
            and event.unit == name
            and event.changed.get("ActiveState") == state
        )

    await asyncio.to_thread(web1.shell, f"systemctl start {name}")
    await seen(became("active"))
    await asyncio.to_thread(web1.shell, f"systemctl stop {name}")
    await seen(became("inactive"))
    await asyncio.to_thread(web1.shell, f"systemctl enable {name}")
    await seen(lambda event: isinstance(event, UnitFilesChanged))
    await asyncio.to_thread(web1.shell, "systemctl daemon-reload")
    await seen(lambda event: event == Reloading(False))
    await asyncio.to_thread(web1.shell, f"systemctl disable {name}")
    await seen(lambda event: isinstance(event, UnitRemoved) and event.unit == name)
    for subscription in subscriptions:
        await subscription.close()
    await asyncio.to_thread(web1.shell, f"systemctl start {name}")
    await asyncio.sleep(0.2)
    assert events == []


async def test_unit_files(systemd: Systemd, web1: LabHost, unit) -> None:
    name = unit("t-file.service", service("/bin/true"))
    installable, changes = await systemd.enable_unit_files([name])
    link = f"/etc/systemd/system/multi-user.target.wants/{name}"
    assert installable
    assert [(change.kind, change.path) for change in changes] == [("symlink", link)]
    assert await systemd.get_unit_file_state(name) == "enabled"
    assert [change.kind for change in await systemd.disable_unit_files([name])] == ["unlink"]
    assert await systemd.get_unit_file_state(name) == "disabled"
    bare = unit("t-bare.service", "[Service]\nExecStart=/bin/true\n")
    assert await systemd.enable_unit_files([bare]) == (False, [])
    with pytest.raises(Conflict):
        await systemd.mask_unit_files([name])  # its file is where the mask would go
    assert (await systemd.mask_unit_files(["t-masked.service"]))[0].source == "/dev/null"
    await systemd.daemon_reload()
    with pytest.raises(Failed):
        await systemd.start("t-masked.service")
    assert len(await systemd.unmask_unit_files(["t-masked.service"])) == 1
    web1.shell("mkdir -p /etc/systemd/system/cron-x.service.d /etc/systemd/system/ssh.service.d")
    web1.shell("echo '[Service]' > /etc/systemd/system/ssh.service.d/override.conf")
    await systemd.daemon_reload()
    paths = ("/etc/systemd/system/ssh.service.d/override.conf",)
    assert (await systemd.unit_properties("ssh.service")).drop_in_paths == paths
    reverted = await systemd.revert_unit_files(["ssh.service"])
    assert reverted[0].path == paths[0]
    await systemd.daemon_reload()
    assert (await systemd.unit_properties("ssh.service")).drop_in_paths == ()
    web1.shell("rmdir /etc/systemd/system/cron-x.service.d")


async def test_processes_and_kill(systemd: Systemd, unit) -> None:
    name = unit("t-killed.service", service("/bin/sleep infinity"))
    await systemd.start(name)
    async with asyncio.timeout(5):  # until systemd's own first process has become it
        while "sleep" not in (await systemd.get_unit_processes(name))[0].cmdline:
            await asyncio.sleep(0.05)
    (process,) = await systemd.get_unit_processes(name)
    assert process.cgroup == f"/system.slice/{name}"
    assert process.pid == (await systemd.unit_properties(name)).main_pid
    await systemd.kill_unit(name, "main", 9)
    async with asyncio.timeout(5):
        while (killed := await systemd.unit_properties(name)).active_state != "failed":
            await asyncio.sleep(0.02)
    assert (killed.result, killed.exec_main_code, killed.exec_main_status) == ("signal", 2, 9)
    await systemd.reset_failed(name)


async def test_transient_unit_and_its_settings(systemd: Systemd) -> None:
    name = f"t-transient{time.time_ns()}.service"
    hostile = '<img src=x onerror=alert(1)> hx-get="/" \x1b[31m'
    settings = [
        ("Description", Variant("s", hostile)),
        ("ExecStart", Variant("a(sasb)", [["/bin/sleep", ["/bin/sleep", "60"], False]])),
    ]
    assert await systemd.start_transient_unit(name, settings) == "done"
    with pytest.raises(Conflict):
        await systemd.start_transient_unit(name, settings)
    (listed,) = await systemd.list_units_by_names([name])
    assert listed.description == hostile
    await systemd.set_unit_properties(name, [("TasksMax", Variant("t", 17))], runtime=True)
    assert (await systemd.unit_properties(name)).tasks_max == 17
    assert (await systemd.raw_properties(name))["TasksMax"] == 17
    await systemd.stop(name)


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../etc/passwd",
        "a\n.service",
        "a\0b.service",
        "-h",
        "x" * 300 + ".service",
        "\ud800.service",
        "a b",
    ],
)
async def test_hostile_names_are_refused_and_hurt_nobody(systemd: Systemd, name: str) -> None:
    for verb in (systemd.start, systemd.stop, systemd.get_unit, systemd.get_unit_processes):
        with pytest.raises((InvalidInput, NotFound, Failed)):
            await verb(name)
    assert await systemd.get_unit("ssh.service")


async def test_escaped_and_instance_names(systemd: Systemd, unit) -> None:
    for name in (r"t-a\x2db.service", "t-inst@one.service", "-t-dash.service", "t..dots.service"):
        web = unit("t-inst@.service", service("/bin/sleep infinity")) if "@" in name else ""
        if not web:
            settings = [("ExecStart", Variant("a(sasb)", [["/bin/sleep", ["/bin/sleep", "60"], False]]))]
            assert await systemd.start_transient_unit(name, settings) == "done"
        assert await systemd.restart(name) == "done"
        assert (await systemd.unit_properties(name)).id == name
        assert await systemd.stop(name) == "done"


async def test_an_ordinary_user_may_look_and_not_touch(web1: LabHost) -> None:
    target = web1.target(user="alice")
    transport = await SshTransport.connect(target, Path(web1.key_path))
    bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
    systemd = Systemd(bus)
    assert await systemd.list_units()
    with pytest.raises(NotAuthorised):
        await systemd.restart("ssh.service")
    await bus.close()
    await transport.close()


async def test_a_users_own_manager(web1: LabHost) -> None:
    web1.shell("loginctl enable-linger alice")
    uid = web1.shell("id -u alice").strip()
    async with way_to("ssh", web1) as transport:
        bus = await Bus.connect(await transport.socket(f"/run/user/{uid}/bus", as_user="alice"))
        systemd = Systemd(bus)
        units = {unit.name for unit in await systemd.list_units()}
        assert "default.target" in units
        assert "ssh.service" not in units
        settings = [("ExecStart", Variant("a(sasb)", [["/bin/true", ["/bin/true"], False]]))]
        assert await systemd.start_transient_unit(f"t-user{time.time_ns()}.service", settings) == "done"
        await bus.close()


async def test_daemon_killed_during_a_job(own_host: LabHost) -> None:
    """The way stays (a new login would wait 25 s for logind, which never finds back to the bus by itself)."""
    settings = [
        ("Type", Variant("s", "oneshot")),
        ("ExecStart", Variant("a(sasb)", [["/bin/sleep", ["/bin/sleep", "60"], False]])),
    ]
    async with way_to("ssh", own_host) as transport:
        bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
        job = asyncio.create_task(Systemd(bus).start_transient_unit("t-lost.service", settings))
        lost = asyncio.create_task(bus.wait_closed())
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_host.shell, "systemctl kill --signal=KILL dbus.service")
        with pytest.raises(Disconnected) as raised:
            await asyncio.wait_for(job, 5)
        assert not raised.value.outcome_known
        await asyncio.wait_for(lost, 5)
        await bus.close()
        assert await state_after_reconnect(transport, "t-lost.service") == "activating"


async def state_after_reconnect(transport: Transport, name: str) -> str:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ConsoleError):
                bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
                try:
                    return (await Systemd(bus).unit_properties(name)).active_state
                finally:
                    await bus.close()
            await asyncio.sleep(0.2)


async def test_frozen_host(own_host: LabHost) -> None:
    async with bus_of(own_host) as bus:
        await asyncio.to_thread(own_host.freeze)
        try:
            with pytest.raises(AnswerTimedOut):
                await bus.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId", timeout=0.5)
        finally:
            await asyncio.to_thread(own_host.thaw)
        assert await Systemd(bus).list_units()
