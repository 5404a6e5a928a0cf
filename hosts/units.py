"""The live list of a host's units, as systemd's manager tells it over D-Bus (org.freedesktop.systemd1.Manager).

Subscribe, list, then one `ListUnitsByPatterns` for whatever changed within a few milliseconds; a full list after any gap
and every few minutes. A manager is "" for the system's, else the login whose own (`systemctl --user`) is meant.
"""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

from console import operations
from console.errors import ConsoleError, Disconnected, InvalidInput, NotFound
from console.snapshots import Snapshot, snapshots
from console.supervisor import supervisor
from hosts.connections import Connection, connections
from hosts.dbus.bus import Bus
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_names import is_template, template_of, valid_unit_name
from hosts.dbus.systemd_units import Event, ListedUnit, PropertiesChanged, Reloading, UnitFilesChanged
from hosts.looking import looking
from hosts.watch import LINK, topic, troubled

SETTLE = 0.03  # seconds: a unit that starts sends a handful of signals at once
RELIST = 300.0  # seconds, against whatever was missed
ORDER = {"failed": 0, "activating": 1, "deactivating": 1, "reloading": 1, "refreshing": 1, "active": 2}
# Podman runs each health check as a transient unit, named after the container's id.
HEALTH_CHECK = re.compile(r"[0-9a-f]{64}(-[0-9a-f]+)?\.(service|timer)")
TENTATIVE = "tentative"  # a device that others wait for; udev has not seen it, which is no change under way


@dataclass(frozen=True, slots=True)
class Unit:
    """One row. `file_state`: enabled, disabled, static, masked...; "" for a unit without a file."""

    name: str
    description: str
    load: str
    active: str
    sub: str
    file_state: str
    job: str  # "start", "stop"... while one is queued or runs

    @property
    def type(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def job_words(self) -> str:
        return f"{self.job}: job queued"

    @property
    def state_words(self) -> str:
        """The state with what is behind it: "active (running)"."""
        words = f"{self.active} ({self.sub})" if self.sub and self.sub != self.active else self.active
        return f"{words}, {self.job} queued" if self.job else words

    @property
    def key(self) -> str:
        """The same order as text, for the page to place rows by."""
        return f"{self.order[0]} {self.name}"

    @property
    def order(self) -> tuple[int, str]:
        """Failed first, then what is changing, what runs, the rest; by name within."""
        return 3 if self.sub == TENTATIVE else ORDER.get(self.active, 3), self.name


@dataclass(frozen=True, slots=True)
class Units:
    """The value of the snapshot: all units by name."""

    by_name: dict[str, Unit]

    def sorted(self) -> list[Unit]:
        return sorted(self.by_name.values(), key=lambda unit: unit.order)

    @property
    def failed(self) -> list[Unit]:
        """What is worth saying of the host. A container's failed health check is said of the container."""
        failed = (unit for unit in self.by_name.values() if unit.active == "failed")
        return sorted(
            (unit for unit in failed if not HEALTH_CHECK.fullmatch(unit.name)), key=lambda unit: unit.name
        )


def topic_of(manager: str) -> str:
    return f"units@{manager}" if manager else "units"


def snapshot(host_id: int, manager: str = "") -> Snapshot | None:
    return snapshots.get(host_id, topic_of(manager))


def unit(host_id: int, name: str, manager: str = "") -> Unit:
    """The unit as last seen. Raises InvalidInput for what cannot be a unit's name, NotFound."""
    check_name(name)
    known = snapshot(host_id, manager)
    if known is None or name not in known.value.by_name:
        raise NotFound(f"{name} is not known on this host.")
    found: Unit = known.value.by_name[name]
    return found


def check_name(name: str) -> None:
    """Raises InvalidInput."""
    if not valid_unit_name(name):
        raise InvalidInput(f"{name!r} is not the name of a unit.")


async def bus_of(connection: Connection, manager: str) -> Bus:
    """The bus that leads to this manager. Raises NotFound for a login that the host does not have."""
    if not manager:
        return await connection.system_bus()
    return await connection.user_bus(manager)


@topic("units")
async def watch(connection: Connection) -> None:
    await Watch(connection.host_id, await connection.system_bus()).run()


def watched(host_id: int, manager: str) -> AbstractAsyncContextManager[None]:
    """While it lasts, this manager's units are watched. The system's manager always is."""
    if not manager:
        return nullcontext()
    return looking(f"host {host_id}: {topic_of(manager)}", lambda: _watch_while_online(host_id, manager))


async def _watch_while_online(host_id: int, manager: str) -> None:
    topic = topic_of(manager)
    with snapshots.subscribe([(host_id, LINK)]) as links:
        try:
            while True:
                try:
                    connection = connections.get(host_id)
                    await Watch(host_id, await connection.user_bus(manager), manager).run()
                except ConsoleError as error:
                    troubled(host_id, topic, error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(links.changes(), 10)
        finally:
            snapshots.mark_stale(host_id, "Nobody looks at the moment", [topic])


class Watch:
    """Follows one manager until its bus is lost. What changed is gathered and asked for in one call."""

    def __init__(self, host_id: int, bus: Bus, manager: str = "") -> None:
        self._host_id = host_id
        self._bus = bus
        self._systemd = Systemd(bus)
        self._topic = topic_of(manager)
        self._changed: set[str] = set()
        self._relist = True
        self._wake = asyncio.Event()
        known = snapshot(host_id, manager)  # after a gap only what differs is told
        self._units: dict[str, Unit] = known.value.by_name if known else {}
        self._file_states: dict[str, str] = {}

    async def run(self) -> None:
        lost = asyncio.create_task(self._tell_when_lost(), name=f"units of host {self._host_id}: bus")
        subscriptions = await self._systemd.events(self._heard)
        try:
            await self._systemd.subscribe()
            await self._list()
            supervisor.spawn(f"host {self._host_id}: observe", operations.observe(self._host_id))
            while True:
                await self._next()
                if self._bus.closed:
                    raise Disconnected("The D-Bus connection was lost.")
                await (self._list() if self._relist else self._refresh())
        finally:
            lost.cancel()
            for subscription in subscriptions:
                await subscription.close()

    async def _tell_when_lost(self) -> None:
        await self._bus.wait_closed()
        self._wake.set()

    async def _next(self) -> None:
        """Until something changed, the bus is lost, or it is time to list anew."""
        try:
            async with asyncio.timeout(RELIST * random.uniform(0.8, 1.2)):  # noqa: S311  (jitter)
                await self._wake.wait()
            await asyncio.sleep(SETTLE)
        except TimeoutError:
            self._relist = True
        self._wake.clear()

    def _heard(self, event: Event) -> None:
        match event:
            case UnitFilesChanged():
                self._relist = True
            case Reloading(active=active):
                self._relist = not active
            case _:
                self._changed.add(event.unit)
                if isinstance(event, PropertiesChanged):
                    self._told(event)
        self._wake.set()

    def _told(self, event: PropertiesChanged) -> None:
        """A new state is in the signal itself and shown at once; the rest of the row is asked for when it has settled."""
        row = self._units.get(event.unit)
        active, sub = event.changed.get("ActiveState"), event.changed.get("SubState")
        if row and isinstance(active, str) and isinstance(sub, str) and (active, sub) != (row.active, row.sub):
            self._put(self._units | {row.name: replace(row, active=active, sub=sub)}, {row.name})

    async def _list(self) -> None:
        self._relist = False
        self._changed.clear()
        files = await self._systemd.list_unit_files()
        self._file_states = {path.rpartition("/")[2]: state for path, state in files}
        found = {entry.name: self._row(entry) for entry in await self._systemd.list_units()}
        rows = self._unloaded() | found
        self._put(
            rows, {name for name in rows.keys() | self._units.keys() if rows.get(name) != self._units.get(name)}
        )

    async def _refresh(self) -> None:
        """By patterns, not by names: asking for a unit by name loads it, which is a change again, for ever. No name has
        a character that means something in a pattern: systemd takes a backslash as itself."""
        names, self._changed = self._changed, set()
        listed = await self._systemd.list_units_by_patterns(sorted(names)) if names else []
        now = {name: row for name in names if (row := self._stub(name))} | {
            u.name: self._row(u) for u in listed
        }
        rows = {name: row for name, row in self._units.items() if name not in names} | now
        self._put(rows, {name for name in names if now.get(name) != self._units.get(name)})

    def _unloaded(self) -> dict[str, Unit]:
        return {name: row for name in self._file_states if (row := self._stub(name))}

    def _stub(self, name: str) -> Unit | None:
        """The row of a unit that has a file but is not loaded, such as a disabled service. A template is no unit."""
        state = self._file_states.get(name, "alias")
        if state == "alias" or is_template(name):
            return None
        return Unit(name, "", "stub", "inactive", "dead", state, "")

    def _row(self, entry: ListedUnit) -> Unit:
        return Unit(
            entry.name,
            entry.description,
            entry.load_state,
            entry.active_state,
            entry.sub_state,
            self._file_state(entry.name),
            entry.job_type,
        )

    def _file_state(self, name: str) -> str:
        """Of the unit's own file, else of the template it is an instance of."""
        return self._file_states.get(name) or self._file_states.get(template_of(name), "")

    def _put(self, units: dict[str, Unit], changed: set[str]) -> None:
        if not changed:
            snapshots.confirm(self._host_id, self._topic)
            return
        self._units = units
        snapshots.put(self._host_id, self._topic, Units(units), changed)
