"""The live list of a host's workloads: its engines, its Quadlets and its machines, joined to one row each.

Topics: "workloads" (a Workloads), "workload-stats" (container id to its newest ContainerStats, while a page shows them)
and "workload-counts" (Counts, for pages that show many hosts).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from console.errors import ConsoleError, Disconnected, NotFound
from console.snapshots import Snapshot, snapshots
from containers import machines as nspawn
from containers import owning
from containers.engine.base import ContainerStats
from containers.engine_watch import EngineWatch
from containers.engines import SYSTEM, Address, addresses, engines
from containers.workloads import NSPAWN, Engined, NspawnMachine, OwningUnit, Workload, join, worst_first
from hosts import units
from hosts.connections import Connection
from hosts.dbus.bus import Bus, Subscription
from hosts.dbus.machine1 import Machine1
from hosts.models import Host
from hosts.watch import link_of, topic

logger = logging.getLogger(__name__)
TOPIC, STATS, COUNTS = "workloads", "workload-stats", "workload-counts"
UNITS_WITHIN = 3.0  # seconds that the first list waits for the list of units
LOOK_AGAIN = 120.0  # seconds between looks for logins, Quadlets and machines, against whatever was missed
SETTLE = 0.02
PATIENCE = 1.0  # seconds that the first list waits for the engines of logins
ENGINE_UNITS = ("podman.", "libpod-")
LOOK_UNITS = ("machine-", NSPAWN, "user@")


@dataclass(frozen=True, slots=True)
class EngineState:
    """Whether an engine answers. `owner`: "" for the system's."""

    owner: str
    error: ConsoleError | None = None


@dataclass(frozen=True, slots=True)
class Workloads:
    """The value of the snapshot: all workloads by key."""

    by_key: dict[str, Workload]
    engines: tuple[EngineState, ...]

    def sorted(self) -> list[Workload]:
        return list(worst_first(self.by_key.values()))


@dataclass(frozen=True, slots=True)
class Counts:
    running: int
    total: int
    unhealthy: int  # unhealthy, failed, or ended badly


def snapshot(host_id: int) -> Snapshot | None:
    return snapshots.get(host_id, TOPIC)


def stats(host_id: int) -> Mapping[str, ContainerStats]:
    """The newest samples by container id; empty while nobody looks."""
    known = snapshots.get(host_id, STATS)
    return known.value if known and not known.stale else {}


def workload(host_id: int, kind: str, owner: str, name: str) -> Workload:
    """The workload as last seen. Raises NotFound."""
    known = snapshot(host_id)
    for one in known.value.by_key.values() if known else ():
        if (one.kind, one.owner, one.name) == (kind, owner, name):
            found: Workload = one
            return found
    raise NotFound(f"There is no {kind} {name} on this host.")


def counts(host_id: int) -> tuple[int, int] | None:
    """(running, unhealthy); None when nothing is known."""
    known = snapshots.get(host_id, COUNTS)
    return (known.value.running, known.value.unhealthy) if known else None


_watches: dict[int, HostWatch] = {}
_hosts: dict[int, Host] = {}


def hosts() -> list[Host]:
    """Those whose workloads were seen, by name."""
    return sorted((host for host in _hosts.values() if snapshot(host.pk)), key=lambda host: host.name)


def attend(host_id: int) -> None:
    """A page begins to show the workloads of this host: follow its engines' events from now on."""
    if host_id in _watches:
        _watches[host_id].nudge()


def refresh(host_id: int) -> None:
    """Something was changed: look for it now."""
    if host_id in _watches:
        _watches[host_id].nudge(look=True)


@topic(TOPIC)
async def watch(connection: Connection) -> None:
    _hosts[connection.host_id] = await Host.objects.aget(pk=connection.host_id)
    watching = _watches[connection.host_id] = HostWatch(connection, await connection.system_bus())
    try:
        await watching.run()
    finally:
        _watches.pop(connection.host_id, None)
        await engines.forget(connection.host_id)


class HostWatch:
    """One host's engines, units and machines, each kept by a task; whatever changes is joined and put anew."""

    def __init__(self, connection: Connection, bus: Bus) -> None:
        self._connection = connection
        self._bus = bus
        self._host_id = connection.host_id
        self._engines: dict[str, EngineWatch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sources: dict[str, dict[str, str]] = {}  # owner to its Quadlets' units
        self._of_logins: dict[str, list[OwningUnit]] = {}
        self._machines: list[NspawnMachine] = []
        self._looked = False
        self._began = time.monotonic()
        self._look_now, self._dirty = asyncio.Event(), asyncio.Event()
        self._known: Workloads | None = None
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._samples: dict[str, dict[str, ContainerStats]] = {}

    def nudge(self, *, look: bool = False) -> None:
        for engine in self._engines.values():
            engine.nudge()
        if look:
            self._look_now.set()

    async def run(self) -> None:
        subscriptions = await self._hear_machines()
        work = (self._look_often(), self._publish(), self._hear_units(), self._bus.wait_closed())
        tasks = [asyncio.create_task(part, name=f"host {self._host_id}: workloads") for part in work]
        try:
            done, _ = await asyncio.wait([*tasks, self._fault], return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
            raise Disconnected("The D-Bus connection was lost.")
        finally:
            self._fault.cancel()
            await _end([*tasks, *self._tasks.values()])
            for subscription in subscriptions:
                await subscription.close()

    # --- what is there: logins with an engine, Quadlets, machines

    async def _look_often(self) -> None:
        await self._wait_for_units()
        while True:
            self._look_now.clear()
            await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN * random.uniform(0.8, 1.2)):  # noqa: S311  (jitter)
                    await self._look_now.wait()
            await asyncio.sleep(SETTLE)

    async def _wait_for_units(self) -> None:
        with suppress(TimeoutError), snapshots.subscribe([(self._host_id, units.topic_of(""))]) as subscription:
            async with asyncio.timeout(UNITS_WITHIN):
                while units.snapshot(self._host_id) is None:
                    await subscription.changes()

    async def _look(self) -> None:
        """The system's part first: a login whose manager is slow holds up nothing."""
        found = await addresses(self._connection)
        engines.know(self._host_id, found)
        await self._keep_engines({address.owner: address for address in found})
        self._sources[""] = await owning.read_sources(self._connection, SYSTEM)
        self._machines = await nspawn.machines(self._connection)
        self._looked = True
        self._dirty.set()
        for address in found:
            if address != SYSTEM:
                await self._look_at_login(address)

    async def _look_at_login(self, address: Address) -> None:
        try:
            sources = await owning.read_sources(self._connection, address)
            self._of_logins[address.owner] = await owning.of_login(self._connection, address, sources)
        except ConsoleError as error:  # the login is leaving, or its manager hangs: what was known of it stays
            logger.info("host %s: units of %s: %s", self._host_id, address.owner, error)
            return
        self._sources[address.owner] = sources
        self._dirty.set()

    async def _keep_engines(self, wanted: Mapping[str, Address]) -> None:
        for owner in self._engines.keys() - wanted.keys():
            await _end([self._tasks.pop(owner)])
            for by_owner in (self._engines, self._sources, self._of_logins, self._samples):
                by_owner.pop(owner, None)
        for owner, address in wanted.items():
            if owner not in self._engines:
                engine = self._engines[owner] = self._engine(address)
                name = f"host {self._host_id}: engine of {owner or 'system'}"
                task = self._tasks[owner] = asyncio.create_task(engine.run(), name=name)
                task.add_done_callback(self._engine_ended)

    def _engine_ended(self, task: asyncio.Task[None]) -> None:
        """It only ends by a fault: the whole watch ends with it, is started anew and says why."""
        if not task.cancelled() and (error := task.exception()) and not self._fault.done():
            self._fault.set_exception(error)

    def _engine(self, address: Address) -> EngineWatch:
        return EngineWatch(
            self._host_id,
            address,
            changed=self._engine_changed(address.owner),
            measured=self._measured,
            attended=lambda: snapshots.watched(self._host_id, TOPIC),
        )

    def _engine_changed(self, owner: str) -> Callable[[], None]:
        def changed() -> None:
            self._dirty.set()
            if owner and self._sources.get(owner):
                self._look_now.set()  # a login's units tell nothing by themselves

        return changed

    # --- hints

    async def _hear_machines(self) -> list[Subscription]:
        return list(await Machine1(self._bus).on_machines_changed(self._look_now.set))

    async def _hear_units(self) -> None:
        key = (self._host_id, units.topic_of(""))
        with snapshots.subscribe([key]) as subscription:
            while True:
                self._units_changed((await subscription.changes())[key])

    def _units_changed(self, names: Collection[str] | None) -> None:
        self._dirty.set()
        if names is None:
            return self.nudge(look=True)
        known = self._sources.get("", {})
        if any(name.startswith(LOOK_UNITS) or self._is_new(name) for name in names):
            self._look_now.set()
        if any(name in known or name.startswith(ENGINE_UNITS) for name in names) and "" in self._engines:
            self._engines[""].nudge()
        return None

    def _is_new(self, name: str) -> bool:
        listed = units.snapshot(self._host_id)
        unit = listed.value.by_name.get(name) if listed else None
        return bool(unit and unit.file_state == "generated" and name.endswith(".service")) and name not in (
            self._sources.get("", {})
        )

    # --- putting it together

    async def _publish(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            link = link_of(self._host_id)
            if self._looked and link and link.state == "online" and self._all_reported():
                self._put()
            elif self._looked and (self._known is None or link is None or link.state != "online"):
                self._dirty.set()
                await asyncio.sleep(PATIENCE / 10)
            await asyncio.sleep(SETTLE)

    def _all_reported(self) -> bool:
        """Of logins' engines, which may take seconds to start, those that are late are added later."""
        waiting = [owner for owner, engine in self._engines.items() if not engine.reported]
        return not waiting or ("" not in waiting and time.monotonic() - self._began > PATIENCE)

    def _put(self) -> None:
        watches = self._engines.values()
        owning_units = [
            *owning.of_system(self._host_id, self._sources.get("", {})),
            *(unit for listed in self._of_logins.values() for unit in listed),
        ]
        engined = [
            Engined("podman", watch.containers, watch.address.owner) for watch in watches if watch.reported
        ]
        rows = {row.key: row for row in join(self._host_id, engined, owning_units, self._machines)}
        states = tuple(EngineState(watch.address.owner, watch.error) for watch in watches if watch.reported)
        self._put_changes(Workloads(rows, states))

    def _put_changes(self, new: Workloads) -> None:
        old, self._known = self._known, new
        if old is None or old.engines != new.engines:
            snapshots.put(self._host_id, TOPIC, new)
        elif changed := {
            key for key in old.by_key.keys() | new.by_key.keys() if old.by_key.get(key) != new.by_key.get(key)
        }:
            snapshots.put(self._host_id, TOPIC, new, changed)
        else:
            snapshots.confirm(self._host_id, TOPIC)
        counted = count(new.by_key.values())
        known = snapshots.get(self._host_id, COUNTS)
        if known is None or known.stale or known.value != counted:
            snapshots.put(self._host_id, COUNTS, counted)

    def _measured(self, owner: str, samples: tuple[ContainerStats, ...]) -> None:
        self._samples[owner] = {sample.id: sample for sample in samples}
        merged = {key: sample for by_id in self._samples.values() for key, sample in by_id.items()}
        snapshots.put(self._host_id, STATS, merged, merged.keys())


def count(rows: Collection[Workload]) -> Counts:
    return Counts(
        running=sum(row.running for row in rows),
        total=len(rows),
        unhealthy=sum(row.rank == 0 for row in rows),
    )


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
