"""Podman's JSON, all but inspect's, to dataclasses. The private structs keep libpod's keys; Go's null means empty."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from console.errors import Failed
from containers.engine import masking
from containers.engine.base import (
    Container,
    ContainerStats,
    Event,
    Info,
    Port,
    ProcessTable,
)
from containers.engine.loglines import seconds

UNIT_LABEL = "PODMAN_SYSTEMD_UNIT"
NANOSECONDS = 1e9
_HEALTH = {"healthy", "unhealthy", "starting"}
# libpod's list and inspect name two states differently
_STATES = {"configured": "created", "": "unknown"}


class _Port(msgspec.Struct):
    container_port: int
    host_port: int = 0
    host_ip: str = ""
    range: int = 1
    protocol: str = "tcp"


class _Listed(msgspec.Struct):
    Id: str
    Names: list[str] | None = None
    Image: str = ""
    ImageID: str = ""
    State: str = ""
    Status: str = ""
    Created: str | float = ""
    StartedAt: int = 0
    ExitedAt: int = 0
    ExitCode: int = 0
    Exited: bool = False
    Command: list[str] | None = None
    Ports: list[_Port] | None = None
    PodName: str = ""
    Labels: dict[str, str] | None = None
    Networks: list[str] | None = None
    Mounts: list[str] | None = None
    Pid: int = 0
    Restarts: int = 0
    IsInfra: bool = False


def containers(answer: bytes) -> tuple[Container, ...]:
    return tuple(_container(one) for one in msgspec.json.decode(answer, type=list[_Listed] | None) or ())


def _container(one: _Listed) -> Container:
    labels = one.Labels or {}
    return Container(
        id=one.Id,
        name=(one.Names or [one.Id[:12]])[0],
        image=one.Image,
        image_id=one.ImageID,
        state=state_of(one.State),
        health=one.Status if one.Status in _HEALTH else None,
        created=_time(one.Created),
        started_at=_time(one.StartedAt),
        exited_at=_time(one.ExitedAt) if one.Exited else None,
        exit_code=one.ExitCode if one.Exited else None,
        command=masking.command(one.Command or ()),
        ports=_ports(one.Ports or ()),
        pod=one.PodName or None,
        labels=labels,
        unit=labels.get(UNIT_LABEL) or None,
        networks=tuple(one.Networks or ()),
        mounts=tuple(one.Mounts or ()),
        pid=one.Pid or None,
        restarts=one.Restarts,
        is_infra=one.IsInfra,
    )


def _ports(listed: Sequence[_Port]) -> tuple[Port, ...]:
    """By the container's port: Podman lists them in another order each time."""
    ports = (Port(p.host_ip, p.host_port, p.container_port, p.protocol, p.range) for p in listed)
    return tuple(
        sorted(ports, key=lambda port: (port.container_port, port.proto, port.host_ip, port.host_port))
    )


def state_of(state: str) -> str:
    return _STATES.get(state, state)


def _time(value: str | float) -> float | None:
    """RFC 3339, or seconds since the epoch; None for Go's zero time."""
    if isinstance(value, str):
        return seconds(value)
    return float(value) if value > 0 else None


# --- what streams carry, and the rest --------------------------------------------------------------------------


class _Traffic(msgspec.Struct):
    RxBytes: int = 0
    TxBytes: int = 0


class _Stats(msgspec.Struct):
    ContainerID: str
    Name: str = ""
    CPU: float = 0.0
    MemUsage: int = 0
    MemLimit: int = 0
    PIDs: int = 0
    Network: dict[str, _Traffic] | None = None
    NetInput: int = 0  # v4: sums
    NetOutput: int = 0
    BlockInput: int = 0
    BlockOutput: int = 0


class _StatsReport(msgspec.Struct):
    Error: msgspec.Raw = msgspec.Raw(b"null")
    Stats: list[_Stats] | None = None


def stats(line: bytes, known: frozenset[str]) -> tuple[ContainerStats, ...]:
    """`known`: the ids of the sample before. Podman's first CPU figure of a container is its mean since its start."""
    report = msgspec.json.decode(line, type=_StatsReport)
    if bytes(report.Error) != b"null":
        raise Failed(f"Podman's statistics failed: {bytes(report.Error)[:500]!r}")
    return tuple(_stats(one, one.ContainerID in known) for one in report.Stats or ())


def _stats(one: _Stats, known: bool) -> ContainerStats:
    networks = (one.Network or {}).values()
    return ContainerStats(
        id=one.ContainerID,
        name=one.Name,
        cpu_percent=one.CPU if known else None,
        memory=one.MemUsage,
        memory_limit=one.MemLimit,
        pids=one.PIDs,
        net_in=one.NetInput + sum(traffic.RxBytes for traffic in networks),
        net_out=one.NetOutput + sum(traffic.TxBytes for traffic in networks),
        block_in=one.BlockInput,
        block_out=one.BlockOutput,
    )


class _Actor(msgspec.Struct):
    ID: str = ""
    Attributes: dict[str, str] | None = None


class _Event(msgspec.Struct):
    Type: str = ""
    Action: str = ""
    Actor: _Actor = msgspec.field(default_factory=_Actor)
    time: int = 0
    timeNano: int = 0


def event(line: bytes) -> Event:
    one = msgspec.json.decode(line, type=_Event)
    name = (one.Actor.Attributes or {}).get("name", "")
    return Event(one.Type, one.Action, one.Actor.ID, name, one.timeNano / NANOSECONDS or _time(one.time))


class _Top(msgspec.Struct):
    Titles: list[str] | None = None
    Processes: list[list[str]] | None = None


def processes(answer: bytes) -> ProcessTable:
    top = msgspec.json.decode(answer, type=_Top)
    return ProcessTable(tuple(top.Titles or ()), tuple(tuple(row) for row in top.Processes or ()))


class _Removed(msgspec.Struct):
    Id: str = ""
    Err: msgspec.Raw = msgspec.Raw(b"null")


def check_removed(answer: bytes) -> None:
    """Podman answers 200 and puts what failed into the body. v4 may answer without a body. Raises Failed."""
    if not answer.strip():
        return
    for one in msgspec.json.decode(answer, type=list[_Removed] | None) or ():
        if bytes(one.Err) not in {b"null", b"{}", b'""'}:
            raise Failed(f"Podman could not remove it: {bytes(one.Err)[:500].decode('utf-8', 'replace')}")


class _Security(msgspec.Struct):
    rootless: bool = False


class _Runtime(msgspec.Struct):
    name: str = ""


class _HostInfo(msgspec.Struct):
    security: _Security = msgspec.field(default_factory=_Security)
    ociRuntime: _Runtime = msgspec.field(default_factory=_Runtime)
    logDriver: str = ""
    cgroupVersion: str = ""
    networkBackend: str = ""


class _Store(msgspec.Struct):
    graphDriverName: str = ""


class _Version(msgspec.Struct):
    Version: str = ""


class _Info(msgspec.Struct):
    host: _HostInfo = msgspec.field(default_factory=_HostInfo)
    store: _Store = msgspec.field(default_factory=_Store)
    version: _Version = msgspec.field(default_factory=_Version)


def info(answer: bytes, api: str) -> Info:
    one = msgspec.json.decode(answer, type=_Info)
    return Info(
        engine="podman",
        version=one.version.Version,
        api=api,
        rootless=one.host.security.rootless,
        storage=one.store.graphDriverName,
        runtime=one.host.ociRuntime.name,
        log_driver=one.host.logDriver,
        cgroups=one.host.cgroupVersion,
        network=one.host.networkBackend,
    )
