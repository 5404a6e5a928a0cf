"""What uses a host's processors and memory most: its running services, as systemd accounts for them
(org.freedesktop.systemd1.Service, CPUUsageNSec and MemoryCurrent), and who is logged in (login1).

Topic "top". Read every few seconds, and only while somebody looks: a page that begins to look says `wanted`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.errors import NotFound, Unsupported
from console.snapshots import snapshots
from hosts import units
from hosts.connections import Connection
from hosts.dbus.bus import Bus
from hosts.dbus.systemd_names import NAME, unit_path
from hosts.dbus.values import count
from hosts.logins import Login, logins_of
from hosts.watch import topic

TOP = "top"
EVERY = 3.0  # seconds
SERVICE = "org.freedesktop.systemd1.Service"
AT_ONCE = 16  # calls under way on one bus
SHOWN = 6  # rows of a list
_wanted: dict[int, asyncio.Event] = {}


@dataclass(frozen=True, slots=True)
class Usage:
    """One service. `cpu`: percent of one core since the reading before, None at the first; `memory`: bytes."""

    name: str
    cpu: float | None
    memory: int | None


@dataclass(frozen=True, slots=True)
class Top:
    services: tuple[Usage, ...]
    logins: tuple[Login, ...] | None  # None: the host has no login1


@topic(TOP)
async def watch(connection: Connection) -> None:
    host_id = connection.host_id
    wanted_now = _wanted[host_id] = asyncio.Event()
    reader = Reader(connection)
    while True:
        while snapshots.watched(host_id, TOP):
            snapshots.put(host_id, TOP, await reader.read())
            await asyncio.sleep(EVERY)
        wanted_now.clear()
        await wanted_now.wait()


def wanted(host_id: int) -> None:
    """A page that has subscribed to the topic begins to look."""
    if host_id in _wanted:
        _wanted[host_id].set()


class Reader:
    """Remembers the last reading, so that the next one gives rates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._spent: dict[str, tuple[float, int]] = {}  # name: (monotonic seconds, nanoseconds of CPU time)

    async def read(self) -> Top:
        """Raises why the host's system bus does not answer."""
        bus = await self._connection.system_bus()
        turn = asyncio.Semaphore(AT_ONCE)
        found = await asyncio.gather(*(self._usage(bus, name, turn) for name in self._running()))
        services = tuple(usage for usage in found if usage is not None)
        self._spent = {name: spent for name, spent in self._spent.items() if name in set(self._running())}
        return Top(services, await _logins(bus))

    def _running(self) -> list[str]:
        listed = units.snapshot(self._connection.host_id)
        if listed is None:
            return []
        return [unit.name for unit in listed.value.by_name.values() if unit.type == "service" and _runs(unit)]

    async def _usage(self, bus: Bus, name: str, turn: asyncio.Semaphore) -> Usage | None:
        """None for a service that ended meanwhile."""
        async with turn:
            try:
                spent = count(await bus.get(NAME, unit_path(name), SERVICE, "CPUUsageNSec"))
                memory = count(await bus.get(NAME, unit_path(name), SERVICE, "MemoryCurrent"))
            except NotFound:
                return None
        return Usage(name, None if spent is None else self._rate(name, spent), memory)

    def _rate(self, name: str, spent: int) -> float | None:
        now = time.monotonic()
        before, self._spent[name] = self._spent.get(name), (now, spent)
        if before is None or spent < before[1] or now <= before[0]:
            return None
        return (spent - before[1]) / 1e9 / (now - before[0]) * 100


def _runs(unit: units.Unit) -> bool:
    return unit.active in {"active", "reloading", "deactivating"} and unit.sub != "exited"


async def _logins(bus: Bus) -> tuple[Login, ...] | None:
    try:
        return tuple(await logins_of(bus))
    except Unsupported:
        return None


def by_cpu(services: Iterable[Usage]) -> tuple[Usage, ...]:
    return _most(services, lambda one: one.cpu)


def by_memory(services: Iterable[Usage]) -> tuple[Usage, ...]:
    return _most(services, lambda one: one.memory)


def _most(services: Iterable[Usage], figure: Callable[[Usage], float | None]) -> tuple[Usage, ...]:
    measured = [one for one in services if figure(one) is not None]
    return tuple(sorted(measured, key=lambda one: (-(figure(one) or 0), one.name))[:SHOWN])


def newest(host_id: int) -> Top | None:
    snapshot = snapshots.get(host_id, TOP)
    return snapshot.value if snapshot else None
