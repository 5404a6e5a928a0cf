"""The answer of libpod's inspect to ContainerDetails. The private structs keep libpod's own keys."""

from __future__ import annotations

import msgspec

from containers.engine import masking
from containers.engine.base import (
    Attachment,
    ContainerDetails,
    Health,
    HealthCheck,
    Limits,
    Mount,
    Port,
)
from containers.engine.loglines import seconds
from containers.engine.podman_answers import NANOSECONDS, UNIT_LABEL, state_of


class _HealthLog(msgspec.Struct):
    Start: str = ""
    End: str = ""
    ExitCode: int = 0
    Output: str = ""


class _Health(msgspec.Struct):
    Status: str = ""
    FailingStreak: int = 0
    Log: list[_HealthLog] | None = None


class _State(msgspec.Struct):
    Status: str = ""
    Pid: int = 0
    ExitCode: int = 0
    Error: str = ""
    OOMKilled: bool = False
    StartedAt: str = ""
    FinishedAt: str = ""
    Health: _Health | None = None
    CgroupPath: str = ""


class _Mount(msgspec.Struct):
    Destination: str
    Type: str = ""
    Name: str = ""
    Source: str = ""
    RW: bool = False
    Options: list[str] | None = None


class _Network(msgspec.Struct):
    IPAddress: str = ""
    GlobalIPv6Address: str = ""
    Gateway: str = ""
    MacAddress: str = ""
    Aliases: list[str] | None = None


class _Binding(msgspec.Struct):
    HostIp: str = ""
    HostPort: str = ""


class _NetworkSettings(msgspec.Struct):
    Networks: dict[str, _Network] | None = None
    Ports: dict[str, list[_Binding] | None] | None = None


class _Healthcheck(msgspec.Struct):
    Test: list[str] | None = None
    Interval: int = 0
    Timeout: int = 0
    Retries: int = 0


class _Config(msgspec.Struct):
    Hostname: str = ""
    User: str = ""
    Env: list[str] | None = None
    WorkingDir: str = ""
    Entrypoint: list[str] | str | None = None  # v4: one string
    Labels: dict[str, str] | None = None
    StopSignal: str | int | None = None  # v4: a number
    StopTimeout: int | None = None
    Healthcheck: _Healthcheck | None = None
    CreateCommand: list[str] | None = None


class _RestartPolicy(msgspec.Struct):
    Name: str = ""
    MaximumRetryCount: int = 0


class _LogConfig(msgspec.Struct):
    Type: str = ""


class _HostConfig(msgspec.Struct):
    RestartPolicy: _RestartPolicy = msgspec.field(default_factory=_RestartPolicy)
    LogConfig: _LogConfig = msgspec.field(default_factory=_LogConfig)
    NetworkMode: str = ""
    AutoRemove: bool = False
    Privileged: bool = False
    ReadonlyRootfs: bool = False
    CapAdd: list[str] | None = None
    CapDrop: list[str] | None = None
    Memory: int = 0
    MemoryReservation: int = 0
    MemorySwap: int = 0
    NanoCpus: int = 0
    CpuPeriod: int = 0
    CpuQuota: int = 0
    CpuShares: int = 0
    CpusetCpus: str = ""
    PidsLimit: int = 0


class _Inspected(msgspec.Struct):
    Id: str
    Name: str
    Created: str = ""
    Path: str = ""
    Args: list[str] | None = None
    State: _State = msgspec.field(default_factory=_State)
    Image: str = ""
    ImageName: str = ""
    Pod: str = ""
    RestartCount: int = 0
    Mounts: list[_Mount] | None = None
    NetworkSettings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)
    Config: _Config = msgspec.field(default_factory=_Config)
    HostConfig: _HostConfig = msgspec.field(default_factory=_HostConfig)


def details(answer: bytes) -> ContainerDetails:
    one = msgspec.json.decode(answer, type=_Inspected)
    state, config, host, labels = one.State, one.Config, one.HostConfig, one.Config.Labels or {}
    secrets = masking.secrets_of(config.Env or ())
    ended = state.Status in {"exited", "stopped"}
    return ContainerDetails(
        id=one.Id,
        name=one.Name,
        image=one.ImageName,
        image_id=one.Image,
        state=state_of(state.Status),
        error=state.Error or None,
        oom_killed=state.OOMKilled,
        created=seconds(one.Created),
        started_at=seconds(state.StartedAt),
        exited_at=seconds(state.FinishedAt) if ended else None,
        exit_code=state.ExitCode if ended else None,
        pid=state.Pid or None,
        restarts=one.RestartCount,
        restart_policy=host.RestartPolicy.Name or "no",
        restart_retries=host.RestartPolicy.MaximumRetryCount or None,
        command=masking.command([one.Path, *(one.Args or ())], secrets) if one.Path else (),
        entrypoint=masking.command(_words(config.Entrypoint), secrets),
        working_folder=config.WorkingDir,
        user=config.User,
        hostname=config.Hostname,
        env=masking.environment(config.Env or ()),
        labels=labels,
        unit=labels.get(UNIT_LABEL) or None,
        pod=one.Pod or None,
        mounts=tuple(_mount(mount) for mount in one.Mounts or ()),
        networks=tuple(_attachment(*item) for item in (one.NetworkSettings.Networks or {}).items()),
        network_mode=host.NetworkMode,
        ports=_bindings(one.NetworkSettings.Ports or {}),
        limits=_limits(host),
        health=_health(state.Health, config.Healthcheck, secrets),
        log_driver=host.LogConfig.Type,
        privileged=host.Privileged,
        read_only=host.ReadonlyRootfs,
        capabilities_added=tuple(host.CapAdd or ()),
        capabilities_dropped=tuple(host.CapDrop or ()),
        stop_signal=str(config.StopSignal or ""),
        stop_timeout=config.StopTimeout,
        auto_remove=host.AutoRemove,
        cgroup=state.CgroupPath or None,
        created_by=masking.command(config.CreateCommand or (), secrets),
    )


def _words(value: list[str] | str | None) -> list[str]:
    return value.split() if isinstance(value, str) else value or []


def _mount(mount: _Mount) -> Mount:
    options = tuple(mount.Options or ())
    return Mount(mount.Type, mount.Name or None, mount.Source, mount.Destination, mount.RW, options)


def _attachment(name: str, network: _Network) -> Attachment:
    return Attachment(
        network=name,
        ipv4=network.IPAddress or None,
        ipv6=network.GlobalIPv6Address or None,
        gateway=network.Gateway or None,
        mac=network.MacAddress or None,
        aliases=tuple(network.Aliases or ()),
    )


def _bindings(ports: dict[str, list[_Binding] | None]) -> tuple[Port, ...]:
    """{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}; what is exposed but not published has no binding."""
    return tuple(
        Port(binding.HostIp, int(binding.HostPort), int(port), proto or "tcp")
        for key, bindings in ports.items()
        for port, _, proto in [key.partition("/")]
        for binding in bindings or ()
        if binding.HostPort.isdecimal() and port.isdecimal()
    )


def _limits(host: _HostConfig) -> Limits:
    cpus = host.NanoCpus / NANOSECONDS
    if not cpus and host.CpuQuota > 0 and host.CpuPeriod > 0:
        cpus = host.CpuQuota / host.CpuPeriod
    return Limits(
        memory=_limit(host.Memory),
        memory_reservation=_limit(host.MemoryReservation),
        memory_swap=_limit(host.MemorySwap),
        cpus=cpus or None,
        cpu_shares=_limit(host.CpuShares),
        cpuset=host.CpusetCpus or None,
        pids=_limit(host.PidsLimit),
    )


def _limit(value: int) -> int | None:
    """0 and -1 are Podman's words for no limit."""
    return value if value > 0 else None


def _health(health: _Health | None, check: _Healthcheck | None, secrets: tuple[str, ...]) -> Health | None:
    if not check or not check.Test:
        return None
    health = health or _Health()
    return Health(
        status=health.Status or None,
        failing_streak=health.FailingStreak,
        test=masking.command(check.Test, secrets),
        interval=check.Interval / NANOSECONDS or None,
        timeout=check.Timeout / NANOSECONDS or None,
        retries=check.Retries or None,
        log=tuple(
            HealthCheck(seconds(run.Start), seconds(run.End), run.ExitCode, run.Output)
            for run in health.Log or ()
        ),
    )
