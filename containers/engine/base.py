"""What every container engine can do, in the words of engines, and the shapes of its answers.

A change is first described (`engine.calls.stop("web", timeout=10)`), so that it can be recorded word for word, and
then carried out (`engine.perform(call)`). Times are seconds since the epoch, sizes are bytes.
Everything that comes from a host (names, labels, log lines) is hostile text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from console.errors import NoEngine

LONGEST_LINE = 64 * 1024  # bytes of a log line that are kept

# What engines can and cannot do, as data: pages and tests ask `capability in engine.capabilities`.
PODS = "pods"
QUADLET = "quadlet"  # containers owned by systemd units
ROOTLESS = "rootless"  # one engine a login, besides the system's
EVENTS = "events"
STATS_OF_ALL = "stats-of-all"  # one stream carries the statistics of every running container


class EngineGone(NoEngine):
    """A stream of the engine ended: its service stopped or the connection broke. List again, subscribe again."""

    code = "engine-gone"
    title = "The container engine ended the connection"
    remedy = "Vigie connects again by itself. If it does not: systemctl status podman.socket podman.service"


@dataclass(frozen=True, slots=True)
class Call:
    """One change, exactly as it will be asked for, and what one would type instead."""

    verb: str
    target: str  # the container's name or id
    method: str
    path: str  # with the query
    shell: str
    deadline: float = 30.0  # seconds until the answer must be there

    @property
    def rest(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Info:
    """`api` is the engine's own API version, `storage` its storage driver."""

    engine: str
    version: str
    api: str
    rootless: bool
    storage: str
    runtime: str
    log_driver: str
    cgroups: str
    network: str


@dataclass(frozen=True, slots=True)
class Port:
    """A published port; `count` successive ports on both sides. `host_ip` "" means every address."""

    host_ip: str
    host_port: int
    container_port: int
    proto: str = "tcp"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine lists it."""

    id: str
    name: str
    image: str
    image_id: str
    state: str  # created, initialized, running, paused, stopping, stopped, exited, removing, unknown
    health: str | None = None  # healthy, unhealthy, starting; None without a health check
    created: float | None = None
    started_at: float | None = None
    exited_at: float | None = None
    exit_code: int | None = None  # None until it ended
    command: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    pod: str | None = None  # the pod's name
    labels: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None  # the systemd unit that owns it; the verbs then belong to the unit
    networks: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()  # where in the container
    pid: int | None = None
    restarts: int = 0
    is_infra: bool = False  # the process that only holds a pod's namespaces

    @property
    def running(self) -> bool:
        return self.state in {"running", "paused", "stopping"}


@dataclass(frozen=True, slots=True)
class Mount:
    kind: str  # volume, bind, tmpfs, image
    name: str | None  # the volume's name
    source: str
    destination: str
    writable: bool
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container on a network."""

    network: str
    ipv4: str | None
    ipv6: str | None
    gateway: str | None
    mac: str | None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One run of the container's health check."""

    started_at: float | None
    ended_at: float | None
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    status: str | None
    failing_streak: int
    test: tuple[str, ...]
    interval: float | None  # seconds
    timeout: float | None  # seconds
    retries: int | None
    log: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not limited."""

    memory: int | None
    memory_reservation: int | None
    memory_swap: int | None  # memory and swap together
    cpus: float | None
    cpu_shares: int | None
    cpuset: str | None
    pids: int | None


@dataclass(frozen=True, slots=True)
class ContainerDetails:
    """Everything about one container. Values that look like secrets are masked."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    error: str | None
    oom_killed: bool
    created: float | None
    started_at: float | None
    exited_at: float | None
    exit_code: int | None
    pid: int | None
    restarts: int
    restart_policy: str
    restart_retries: int | None
    command: tuple[str, ...]
    entrypoint: tuple[str, ...]
    working_folder: str
    user: str
    hostname: str
    env: tuple[tuple[str, str], ...]
    labels: Mapping[str, str]
    unit: str | None
    pod: str | None  # the pod's id
    mounts: tuple[Mount, ...]
    networks: tuple[Attachment, ...]
    network_mode: str
    ports: tuple[Port, ...]
    limits: Limits
    health: Health | None
    log_driver: str
    privileged: bool
    read_only: bool
    capabilities_added: tuple[str, ...]
    capabilities_dropped: tuple[str, ...]
    stop_signal: str
    stop_timeout: int | None  # seconds
    auto_remove: bool
    cgroup: str | None
    created_by: tuple[str, ...]  # the command line that made it


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """One sample. `cpu_percent` is of one core (200.0 = two cores); None in a container's first sample."""

    id: str
    name: str
    cpu_percent: float | None
    memory: int
    memory_limit: int  # the host's memory where the container has no limit
    pids: int
    net_in: int
    net_out: int
    block_in: int
    block_out: int


@dataclass(frozen=True, slots=True)
class Event:
    """A hint that something changed; the list is the truth."""

    kind: str  # container, pod, image, volume, network, system
    action: str  # start, died, remove, health_status, ...
    id: str
    name: str
    time: float | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line without its newline. Of a line over 64 KiB the start is kept, a marker follows, `cut` bytes are gone."""

    stream: str  # stdout, stderr
    time: float | None
    text: bytes
    cut: int = 0


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """The container's processes, as ps prints them: one cell a title."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Calls(Protocol):
    """Every change an engine can make, described and not yet made. Raises InvalidInput for a bad name."""

    def start(self, name: str) -> Call: ...

    def stop(self, name: str, *, timeout: int = 10) -> Call:
        """`timeout`: seconds until SIGKILL."""

    def restart(self, name: str, *, timeout: int = 10) -> Call: ...

    def pause(self, name: str) -> Call: ...

    def unpause(self, name: str) -> Call: ...

    def kill(self, name: str, *, signal: str = "KILL") -> Call: ...

    def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> Call:
        """`volumes`: also its anonymous volumes. `force`: also when it is running."""


class Engine(Protocol):
    """One container engine of one host: the system's, or a login's own.

    Every method raises NoEngine or ConnectionTimedOut when nothing answers, and AnswerTimedOut or Disconnected when
    a change may or may not have happened.
    """

    name: str
    api: str
    capabilities: frozenset[str]
    calls: Calls

    async def info(self) -> Info: ...

    async def list(self) -> tuple[Container, ...]:
        """All containers, stopped ones too."""

    async def inspect(self, name: str) -> ContainerDetails:
        """Raises NotFound."""

    async def top(self, name: str) -> ProcessTable:
        """Raises NotFound, Conflict when it is not running."""

    async def perform(self, call: Call) -> None:
        """Carry a change out; it was so already: fine. Raises NotFound, Conflict, InvalidInput, Failed."""

    def stats(
        self, interval: int = 1
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[ContainerStats, ...]]]:
        """All running containers, every `interval` seconds. Ends with EngineGone."""

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Subscribed once entered. Ends with EngineGone."""

    def logs(
        self, name: str, *, follow: bool = True, tail: int | None = 200, since: float | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[LogLine]]:
        """Lines in order; `tail` None: all. Ends when the container has ended or, without `follow`, at the newest
        line; raises NotFound on entering, EngineGone when the connection breaks."""

    async def close(self) -> None:
        """Ends every stream. Safe to call twice."""
