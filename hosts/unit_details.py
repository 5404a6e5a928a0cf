"""One unit in full: what a page of it shows beyond its row. Read over D-Bus (the unit's properties, GetUnitProcesses) and
from its files; read again when the unit changes and every few seconds, once for all who look."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass

from console.errors import ConsoleError, NotFound, Unreachable
from console.logtext import plain
from console.snapshots import Snapshot, snapshots
from hosts import units
from hosts.connections import Connection, connections
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_units import UnitProperties
from hosts.looking import looking
from hosts.unit_processes import Process, Reader
from hosts.watch import LINK

EVERY = 3.0  # seconds between readings of what changes without a signal: memory, processor time, processes
LONGEST_FILE = 256 * 1024  # bytes
RESULTS = {
    "exit-code": "a process ended with an error",
    "signal": "a process was ended by a signal",
    "core-dump": "a process crashed and left a core dump",
    "timeout": "it took longer than its time limit",
    "watchdog": "it did not report to its watchdog in time",
    "start-limit-hit": "it was started too often in a short time",
    "oom-kill": "the kernel ended it because memory ran out",
    "resources": "a resource it needs could not be had",
    "protocol": "it did not do what its Type= promises",
    "condition": "its conditions are not met",
    "exec-condition": "its ExecCondition= said no",
}
EXIT_CODES = {
    126: "cannot be executed",
    127: "command not found",
    200: "working folder missing (CHDIR)",
    203: "cannot be executed (EXEC)",
    204: "no memory (MEMORY)",
    209: "no standard output (STDOUT)",
    216: "no such group (GROUP)",
    217: "no such user (USER)",
    218: "no such capability (CAPABILITIES)",
    226: "no such namespace (NAMESPACE)",
    238: "no state folder (STATE_DIRECTORY)",
}
RELATIONS = (
    ("Requires", "requires"),
    ("Requisite", "requisite"),
    ("Wants", "wants"),
    ("Bound to", "binds_to"),
    ("Part of", "part_of"),
    ("Required by", "required_by"),
    ("Wanted by", "wanted_by"),
    ("Bound by", "bound_by"),
    ("Consists of", "consists_of"),
    ("Conflicts with", "conflicts"),
    ("Triggers", "triggers"),
    ("Triggered by", "triggered_by"),
    ("On failure", "on_failure"),
)


@dataclass(frozen=True, slots=True)
class UnitFile:
    """`kind`: "unit file", "drop-in" or "source". `error`: why it could not be read."""

    path: str
    kind: str
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    properties: UnitProperties
    processes: tuple[Process, ...]
    files: tuple[UnitFile, ...]

    @property
    def since(self) -> float | None:
        """Epoch seconds of the last change of state."""
        moment = self.properties.state_change_timestamp
        return moment / 1e6 if moment else None

    @property
    def result(self) -> str:
        """What systemd says of the last run, in words; "" while all is well."""
        result = self.properties.result
        return "" if result in (None, "success") else RESULTS.get(result, result)

    @property
    def exit(self) -> str:
        """How the main process of the last run ended: "exit status 3", "signal SIGKILL"; "" when none has ended."""
        return exit_words(self.properties.exec_main_code, self.properties.exec_main_status)

    @property
    def exited_at(self) -> float | None:
        moment = self.properties.exec_main_exit_timestamp
        return moment / 1e6 if moment else None

    @property
    def next_elapse(self) -> float | None:
        """Of a timer by the calendar, epoch seconds."""
        moment = self.properties.next_elapse_realtime
        return moment / 1e6 if moment else None

    @property
    def last_trigger(self) -> float | None:
        moment = self.properties.last_trigger
        return moment / 1e6 if moment else None

    @property
    def cpu_seconds(self) -> float | None:
        spent = self.properties.cpu_usage_nsec
        return spent / 1e9 if spent is not None else None

    @property
    def command(self) -> str:
        return " ".join(self.properties.exec_start[0]) if self.properties.exec_start else ""

    @property
    def relations(self) -> list[tuple[str, tuple[str, ...]]]:
        groups = [(title, getattr(self.properties, field)) for title, field in RELATIONS]
        return [(title, names) for title, names in groups if names]

    @property
    def orderings(self) -> list[tuple[str, tuple[str, ...]]]:
        groups = [("Starts before", self.properties.before), ("Starts after", self.properties.after)]
        return [(title, names) for title, names in groups if names]

    @property
    def links(self) -> list[str]:
        """Documentation that a browser can open; the rest is `manuals`."""
        return [uri for uri in self.properties.documentation if uri.startswith(("https://", "http://"))]

    @property
    def manuals(self) -> list[str]:
        return [uri for uri in self.properties.documentation if uri not in self.links]


def exit_words(code: int | None, status: int | None) -> str:
    """`code` is 1 for an exit, 2 for a signal, 3 for a core dump (CLD_…); `status` the number."""
    if not code or status is None:
        return ""
    if code == 1:
        known = EXIT_CODES.get(status, "")
        return f"exit status {status}{f': {known}' if known else ''}"
    try:
        name = signals.Signals(status).name
    except ValueError:
        name = str(status)
    return f"signal {name}{', core dumped' if code == 3 else ''}"


def topic_of(manager: str, name: str) -> str:
    return f"unit {name}@{manager}"


def snapshot(host_id: int, manager: str, name: str) -> Snapshot | None:
    return snapshots.get(host_id, topic_of(manager, name))


async def read(host_id: int, manager: str, name: str) -> Details:
    """Once, for a page without a stream. Raises NotFound, and why the host cannot be asked."""
    known = snapshot(host_id, manager, name)
    if known and known.live:
        found: Details = known.value
        return found
    return await Follower(host_id, manager, name).read()


def followed(host_id: int, manager: str, name: str) -> AbstractAsyncContextManager[None]:
    """While it lasts, the snapshot `topic_of(manager, name)` is kept new."""
    follower = Follower(host_id, manager, name)
    return looking(f"host {host_id}: {topic_of(manager, name)}", follower.run)


class Follower:
    def __init__(self, host_id: int, manager: str, name: str) -> None:
        self._host_id, self._manager, self._name = host_id, manager, name
        self._reader = Reader()
        self._files: tuple[object, tuple[UnitFile, ...]] = (None, ())
        self._forget = False

    async def run(self) -> None:
        topic = topic_of(self._manager, self._name)
        try:
            async with aclosing(self._moments()) as moments:
                async for _ in moments:
                    try:
                        details = await self.read()
                    except NotFound:
                        snapshots.mark_stale(self._host_id, "The unit is gone", [topic])
                    except ConsoleError as error:
                        snapshots.mark_stale(self._host_id, error.title, [topic])
                        if not isinstance(error, Unreachable):
                            raise
                    else:
                        self._put(topic, details)
        finally:
            snapshots.mark_stale(self._host_id, "Nobody looks", [topic])

    def _put(self, topic: str, details: Details) -> None:
        known = snapshots.get(self._host_id, topic)
        if known and known.live and known.value == details:
            snapshots.confirm(self._host_id, topic)
        else:
            snapshots.put(self._host_id, topic, details)

    async def _moments(self) -> AsyncGenerator[None, None]:
        """When to read: now, when the unit or the way to the host changes, every few seconds."""
        topic = units.topic_of(self._manager)
        keys = [(self._host_id, topic), (self._host_id, LINK)]
        with snapshots.subscribe(keys) as subscription:
            while True:
                yield
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        while True:
                            changes = await subscription.changes()
                            names = changes.get((self._host_id, topic), set())
                            self._forget = self._forget or names is None or self._name in names
                            if names is None or self._name in names or (self._host_id, LINK) in changes:
                                break

    async def read(self) -> Details:
        connection = connections.get(self._host_id)
        systemd = Systemd(await units.bus_of(connection, self._manager))
        properties = await systemd.unit_properties(self._name)
        try:
            listed = await systemd.get_unit_processes(self._name) if properties.control_group else []
        except NotFound:  # it is not loaded any more: nothing runs
            listed = []
        processes = await self._reader.read(connection, listed, properties.main_pid)
        return Details(properties, processes, await self._read_files(connection, properties))

    async def _read_files(self, connection: Connection, properties: UnitProperties) -> tuple[UnitFile, ...]:
        """Anew when the unit's own paths, or the unit, have changed."""
        key = (
            properties.fragment_path,
            properties.source_path,
            properties.drop_in_paths,
            properties.need_daemon_reload,
        )
        if self._files[0] != key or self._forget:
            self._forget = False
            self._files = (key, await _files(connection, properties))
        return self._files[1]


async def _files(connection: Connection, properties: UnitProperties) -> tuple[UnitFile, ...]:
    wanted = [("unit file", properties.fragment_path), ("source", properties.source_path)]
    wanted += [("drop-in", path) for path in properties.drop_in_paths]
    return tuple([await _file(connection, kind, path) for kind, path in wanted if path])


async def _file(connection: Connection, kind: str, path: str) -> UnitFile:
    try:
        data = await connection.transport.read_file(path, limit=LONGEST_FILE)
    except Unreachable:
        raise
    except ConsoleError as error:
        return UnitFile(path, kind, "", error.title)
    return UnitFile(path, kind, "\n".join(plain(line) for line in data.decode("utf-8", "replace").split("\n")))
