"""A host's timers: when each ran, when it runs next, what it starts and how that went (org.freedesktop.systemd1.Timer).

Read while somebody looks: when a timer or what it starts changes, and now and then for what has no signal.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass

from console.errors import ConsoleError, NotFound, Unreachable
from console.snapshots import Snapshot, snapshots
from hosts import units
from hosts.connections import connections
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_units import ManagerProperties, UnitProperties
from hosts.looking import looking
from hosts.watch import LINK

EVERY = 20.0  # seconds
AT_ONCE = 16  # calls under way on one bus


@dataclass(frozen=True, slots=True)
class Timer:
    """Times are epoch seconds, None for never. `schedule`: as in its file. `result`: of the unit's last run."""

    name: str
    description: str
    active: str
    unit: str
    unit_state: str
    result: str
    schedule: str
    next: float | None
    last: float | None
    persistent: bool

    @property
    def key(self) -> str:
        """The next first; those that never run again last."""
        return f"{self.next:014.0f} {self.name}" if self.next else f"~ {self.name}"

    @property
    def went(self) -> str:
        """A word for how the unit's last run went."""
        if self.unit_state in ("failed", "active", "activating"):
            return self.unit_state
        if self.last is None:
            return "never run"
        return "succeeded" if self.result in ("", "success") else "failed"


def topic_of(manager: str) -> str:
    return f"timers@{manager}"


def snapshot(host_id: int, manager: str = "") -> Snapshot | None:
    return snapshots.get(host_id, topic_of(manager))


def listed(host_id: int, manager: str = "") -> list[Timer]:
    known = snapshot(host_id, manager)
    return sorted(known.value, key=lambda timer: timer.key) if known else []


def followed(host_id: int, manager: str = "") -> AbstractAsyncContextManager[None]:
    return looking(f"host {host_id}: {topic_of(manager)}", lambda: _follow(host_id, manager))


async def read(host_id: int, manager: str = "") -> tuple[Timer, ...]:
    """All timers that are loaded. Raises why the host cannot be asked."""
    systemd = Systemd(await units.bus_of(connections.get(host_id), manager))
    names = [entry.name for entry in await systemd.list_units_by_patterns(["*.timer"])]
    booted = booted_at(await systemd.manager_properties())
    room = asyncio.Semaphore(AT_ONCE)
    found = await asyncio.gather(*(_read_one(systemd, name, booted, room) for name in names))
    return tuple(timer for timer in found if timer is not None)


async def _read_one(systemd: Systemd, name: str, booted: float | None, room: asyncio.Semaphore) -> Timer | None:
    async with room:
        try:
            timer = await systemd.unit_properties(name)
            unit = timer.unit or (timer.triggers[0] if timer.triggers else "")
            started = await systemd.unit_properties(unit) if unit else None
        except NotFound:  # gone meanwhile
            return None
    return as_timer(name, timer, unit, started, booted)


def as_timer(
    name: str, timer: UnitProperties, unit: str, started: UnitProperties | None, booted: float | None
) -> Timer:
    return Timer(
        name=name,
        description=timer.description or "",
        active=timer.active_state or "",
        unit=unit,
        unit_state=(started.active_state if started else None) or "",
        result=(started.result if started else None) or "",
        schedule=schedule_of(timer),
        next=next_of(timer, booted),
        last=timer.last_trigger / 1e6 if timer.last_trigger else None,
        persistent=bool(timer.persistent),
    )


def schedule_of(timer: UnitProperties) -> str:
    calendar = [str(row[1]) for row in timer.timers_calendar if len(row) > 1]
    spans = [
        f"{str(row[0]).removesuffix('USec')} {row[1] / 1e6:.0f} s"
        for row in timer.timers_monotonic
        if len(row) > 1 and isinstance(row[1], int)
    ]
    return ", ".join(calendar + spans)


def next_of(timer: UnitProperties, booted: float | None) -> float | None:
    """The earlier of what the calendar and what the time since boot say."""
    moments = [timer.next_elapse_realtime / 1e6] if timer.next_elapse_realtime else []
    if timer.next_elapse_monotonic and booted is not None:
        moments.append(booted + timer.next_elapse_monotonic / 1e6)
    return min(moments, default=None)


def booted_at(manager: ManagerProperties) -> float | None:
    """Epoch seconds at which the host's monotonic clock was 0."""
    then, since = manager.userspace_timestamp, manager.userspace_timestamp_monotonic
    return (then - since) / 1e6 if then and since else None


async def _follow(host_id: int, manager: str) -> None:
    topic, listed_topic = topic_of(manager), units.topic_of(manager)
    keys = [(host_id, listed_topic), (host_id, LINK)]
    try:
        with snapshots.subscribe(keys) as subscription:
            while True:
                try:
                    _put(host_id, topic, await read(host_id, manager))
                except Unreachable as error:
                    snapshots.mark_stale(host_id, error.title, [topic])
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        while not _concerns(host_id, manager, await subscription.changes()):
                            pass
    finally:
        snapshots.mark_stale(host_id, "Nobody looks", [topic])


def _concerns(host_id: int, manager: str, changes: dict[tuple[int, str], set[str] | None]) -> bool:
    if (host_id, LINK) in changes:
        return True
    names = changes.get((host_id, units.topic_of(manager)))
    if names is None:
        return True
    known = snapshot(host_id, manager)
    started = {timer.unit for timer in known.value} if known else set()
    return any(name.endswith(".timer") or name in started for name in names)


def _put(host_id: int, topic: str, timers: tuple[Timer, ...]) -> None:
    known = snapshots.get(host_id, topic)
    before = {timer.name: timer for timer in known.value} if known else {}
    now = {timer.name: timer for timer in timers}
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    if known and not changed:
        snapshots.confirm(host_id, topic)
    else:
        snapshots.put(host_id, topic, timers, changed if known else None)


async def known_or_read(
    host_id: int, manager: str, *, patience: float = 1.0
) -> tuple[list[Timer], ConsoleError | None]:
    """For a page: what is known, else what the host answers within `patience` seconds, and why it did not."""
    known = snapshot(host_id, manager)
    if known and (known.live or time.time() - known.seen < EVERY):
        return listed(host_id, manager), None
    try:
        async with asyncio.timeout(patience):
            _put(host_id, topic_of(manager), await read(host_id, manager))
    except TimeoutError:
        return listed(host_id, manager), None
    except ConsoleError as error:
        return listed(host_id, manager), error
    return listed(host_id, manager), None
