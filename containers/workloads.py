"""Everything that runs for a user on one host, one row each: containers, pods and nspawn machines.

Podman, systemd and machined each know a part. `join` puts the parts together: a container belongs to a unit when its
label names the unit *and* the unit is known to run a container of this name. The label alone is not believed:
an image can carry it, and then "stop" would stop whatever unit it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from containers.engine.base import Container, ContainerStats, Port

FAILING, CHANGING, PAUSED, RUNNING, AT_REST = range(5)
_RANK = {
    "failed": FAILING,
    "restarting": FAILING,
    "starting": CHANGING,
    "stopping": CHANGING,
    "removing": CHANGING,
    "unknown": CHANGING,
    "paused": PAUSED,
    "running": RUNNING,
    "exited": AT_REST,
    "stopped": AT_REST,
    "created": AT_REST,
}
ENDED_AS_ASKED = {0, 130, 137, 143}  # by itself, or by SIGINT, SIGKILL, SIGTERM as `stop` sends them
_UNIT_STATES = {"failed": "failed", "activating": "starting", "deactivating": "stopping", "inactive": "stopped"}
_CONTAINER_STATES = {"initialized": "created", "configured": "created", "stopped": "exited"}
_MACHINE_STATES = {"opening": "starting", "closing": "stopping"}
NSPAWN = "systemd-nspawn@"


@dataclass(frozen=True, slots=True)
class OwningUnit:
    """A systemd unit that runs a workload, with its present state. `owner`: "" for the system's manager."""

    name: str
    kind: str  # container, pod, kube, nspawn
    active: str  # systemd's ActiveState
    sub: str = ""
    owner: str = ""
    runs: str | None = None  # the name of its container, pod or machine; None: any that names the unit
    image: str = ""
    description: str = ""
    since: float | None = None
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class NspawnMachine:
    """A machine that machined knows. `state`: opening, running, closing; stopped when there is only its image."""

    name: str
    state: str
    unit: str | None = None
    since: float | None = None
    image: str = ""


@dataclass(frozen=True, slots=True)
class Engined:
    """The containers of one engine. `owner`: "" for the system's, or the login it belongs to."""

    engine: str
    containers: tuple[Container, ...]
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """One row. `key` names it for as long as it exists, over restarts that give a container a new id."""

    host_id: int
    kind: str  # container, pod, machine
    owner: str  # "" for the system, or a login
    name: str
    engine: str  # podman, machined
    engine_id: str | None  # the container's id; None while there is no container
    state: str  # a key of _RANK
    health: str | None = None
    image: str = ""
    ports: tuple[Port, ...] = ()
    unit: str | None = None  # verbs act on it, over D-Bus
    pod: str | None = None
    description: str = ""
    since: float | None = None
    exit_code: int | None = None
    restarts: int = 0
    cpu_percent: float | None = None  # of one core
    memory: int | None = None  # bytes
    memory_limit: int | None = None

    @property
    def key(self) -> str:
        return "/".join((self.kind, self.owner, self.unit or "", self.name))

    @property
    def rank(self) -> int:
        """0 is worst."""
        ended_badly = self.state == "exited" and self.exit_code not in ENDED_AS_ASKED
        return FAILING if self.health == "unhealthy" or ended_badly else _RANK.get(self.state, CHANGING)

    @property
    def running(self) -> bool:
        return self.state in {"running", "paused", "stopping", "restarting"}


def join(
    host_id: int,
    engines: Iterable[Engined] = (),
    units: Iterable[OwningUnit] = (),
    machines: Iterable[NspawnMachine] = (),
) -> tuple[Workload, ...]:
    """Every workload of a host once, worst first, in the same order whatever the order of what is given."""
    owning = {(unit.owner, unit.name): unit for unit in units}
    rows: dict[str, Workload] = {}
    for engined in engines:
        for container in engined.containers:
            _add(rows, _of_container(host_id, engined, container, owning))
    for machine in machines:
        _add(rows, _of_machine(host_id, machine, owning))
    shown = {(row.owner, row.unit) for row in rows.values()}
    for unit in owning.values():
        if (unit.owner, unit.name) not in shown:
            _add(rows, _of_unit(host_id, unit))
    return worst_first(rows.values())


def worst_first(workloads: Iterable[Workload]) -> tuple[Workload, ...]:
    return tuple(sorted(workloads, key=lambda one: (one.rank, one.name, one.key, one.engine_id or "")))


def with_stats(workloads: Iterable[Workload], stats: Mapping[str, ContainerStats]) -> tuple[Workload, ...]:
    """The rows with the newest sample by container id; without one there are no figures."""
    return tuple(_with_sample(one, stats.get(one.engine_id or "")) for one in workloads)


def _with_sample(row: Workload, sample: ContainerStats | None) -> Workload:
    if sample is None:
        return replace(row, cpu_percent=None, memory=None, memory_limit=None)
    return replace(row, cpu_percent=sample.cpu_percent, memory=sample.memory, memory_limit=sample.memory_limit)


def _add(rows: dict[str, Workload], row: Workload) -> None:
    """Engines forbid two of one name; should two come all the same (a list taken during a rename), the worse stays."""
    other = rows.get(row.key)
    rows[row.key] = worst_first([row, other])[0] if other else row


def _of_container(
    host_id: int, engined: Engined, container: Container, owning: Mapping[tuple[str, str], OwningUnit]
) -> Workload:
    unit = _owner_of(container, owning.get((engined.owner, container.unit or "")))
    state = container_state(container, unit)
    return Workload(
        host_id=host_id,
        kind="pod" if container.is_infra else "container",
        owner=engined.owner,
        name=run_name(container),
        engine=engined.engine,
        engine_id=container.id,
        state=state,
        health=container.health if state == "running" else None,
        image="" if container.is_infra else container.image,
        ports=container.ports if container.is_infra or not container.pod else (),  # Podman repeats the pod's
        unit=unit.name if unit else None,
        pod=None if container.is_infra else container.pod,
        description=unit.description if unit else "",
        since=container.exited_at or container.started_at or container.created,
        exit_code=container.exit_code,
        restarts=container.restarts,
    )


def run_name(container: Container) -> str:
    """A pod is shown for the container that holds it open."""
    return container.pod if container.is_infra and container.pod else container.name


def _owner_of(container: Container, unit: OwningUnit | None) -> OwningUnit | None:
    if unit is None:
        return None
    fits = {"container": not container.is_infra, "pod": container.is_infra, "kube": True}
    named = unit.runs in {None, run_name(container)}
    return unit if named and fits.get(unit.kind, False) else None


def container_state(container: Container, unit: OwningUnit | None) -> str:
    """The container's own state; while it does not run, its unit knows better (failed, starting, to be restarted)."""
    state = _CONTAINER_STATES.get(container.state, container.state)
    if unit and not container.running:
        return unit_state(unit) if unit.active != "active" else state
    return state if state in _RANK else "unknown"


def unit_state(unit: OwningUnit) -> str:
    if unit.sub.startswith("auto-restart"):
        return "restarting"
    return _UNIT_STATES.get(unit.active, "running")


def _of_machine(host_id: int, machine: NspawnMachine, owning: Mapping[tuple[str, str], OwningUnit]) -> Workload:
    unit = owning.get(("", machine.unit or f"{NSPAWN}{machine.name}.service"))
    unit = unit if unit and unit.kind == "nspawn" else None
    state = _MACHINE_STATES.get(machine.state, machine.state)
    if state == "stopped" and unit:
        state = unit_state(unit) if unit.active != "active" else "stopped"
    return Workload(
        host_id=host_id,
        kind="machine",
        owner="",
        name=machine.name,
        engine="machined",
        engine_id=None,
        state=state if state in _RANK else "unknown",
        image=machine.image,
        unit=unit.name if unit else machine.unit,
        description=unit.description if unit else "",
        since=machine.since or (unit.since if unit else None),
    )


def _of_unit(host_id: int, unit: OwningUnit) -> Workload:
    """A unit whose container or machine does not exist at present."""
    kinds = {"nspawn": ("machine", "machined"), "pod": ("pod", "podman")}
    kind, engine = kinds.get(unit.kind, ("container", "podman"))
    return Workload(
        host_id=host_id,
        kind=kind,
        owner=unit.owner,
        name=unit.runs or unit.name.removeprefix(NSPAWN if kind == "machine" else "").removesuffix(".service"),
        engine=engine,
        engine_id=None,
        state=unit_state(unit),
        image=unit.image,
        ports=unit.ports,
        unit=unit.name,
        description=unit.description,
        since=unit.since,
    )
