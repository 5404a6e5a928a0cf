"""What systemd says about units: rows of its lists, a unit's properties, and its signals, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hosts.dbus.bus import Signal
from hosts.dbus.systemd_names import unit_of_path
from hosts.dbus.values import count, flag, hexadecimal, moment, number, prop, rows, text, texts


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A row of ListUnits. Without a job `job_id` is 0 and `job_type` "". `following` names the unit it is an alias of."""

    name: str
    description: str
    load_state: str  # loaded, not-found, masked, error, bad-setting, stub, merged
    active_state: str  # active, reloading, inactive, failed, activating, deactivating, maintenance, refreshing
    sub_state: str
    following: str
    path: str
    job_id: int
    job_type: str
    job_path: str


@dataclass(frozen=True, slots=True)
class UnitProcess:
    """A process in a unit's control group. `cmdline` is the host's text, cut and escaped by systemd."""

    cgroup: str
    pid: int
    cmdline: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """What an enable, disable, mask... did: `kind` is "symlink", "unlink" and others; `source` what a link leads to."""

    kind: str
    path: str
    source: str


def _job(value: Any) -> int | None:
    return value[0] or None if isinstance(value, list) and len(value) == 2 else None


def _load_error(value: Any) -> str | None:
    return text(value[1]) if isinstance(value, list) and len(value) == 2 else None


def _commands(value: Any) -> tuple[tuple[str, ...], ...]:
    """The argv of each line of ExecStart."""
    return tuple(texts(row[1]) for row in rows(value) if len(row) > 1)


@dataclass(frozen=True, slots=True)
class UnitProperties:
    """What a unit's page needs. None is absent: not this type's, not accounted for, never happened, no limit.

    Times are microseconds since 1970, but those called monotonic: since the host's boot. CPU is in nanoseconds,
    memory and I/O in bytes.
    """

    id: str | None = prop("Id", text)
    names: tuple[str, ...] = prop("Names", texts)
    description: str | None = prop("Description", text)
    documentation: tuple[str, ...] = prop("Documentation", texts)
    load_state: str | None = prop("LoadState", text)
    load_error: str | None = prop("LoadError", _load_error)
    active_state: str | None = prop("ActiveState", text)
    sub_state: str | None = prop("SubState", text)
    freezer_state: str | None = prop("FreezerState", text)
    following: str | None = prop("Following", text)
    job_id: int | None = prop("Job", _job)
    invocation_id: str | None = prop("InvocationID", hexadecimal)
    transient: bool | None = prop("Transient", flag)

    fragment_path: str | None = prop("FragmentPath", text)
    source_path: str | None = prop("SourcePath", text)
    drop_in_paths: tuple[str, ...] = prop("DropInPaths", texts)
    unit_file_state: str | None = prop("UnitFileState", text)
    unit_file_preset: str | None = prop("UnitFilePreset", text)
    need_daemon_reload: bool | None = prop("NeedDaemonReload", flag)

    can_start: bool | None = prop("CanStart", flag)
    can_stop: bool | None = prop("CanStop", flag)
    can_reload: bool | None = prop("CanReload", flag)
    refuse_manual_start: bool | None = prop("RefuseManualStart", flag)
    refuse_manual_stop: bool | None = prop("RefuseManualStop", flag)

    state_change_timestamp: int | None = prop("StateChangeTimestamp", moment)
    active_enter_timestamp: int | None = prop("ActiveEnterTimestamp", moment)
    active_exit_timestamp: int | None = prop("ActiveExitTimestamp", moment)
    inactive_enter_timestamp: int | None = prop("InactiveEnterTimestamp", moment)
    inactive_exit_timestamp: int | None = prop("InactiveExitTimestamp", moment)
    condition_result: bool | None = prop("ConditionResult", flag)
    condition_timestamp: int | None = prop("ConditionTimestamp", moment)
    assert_result: bool | None = prop("AssertResult", flag)
    assert_timestamp: int | None = prop("AssertTimestamp", moment)

    requires: tuple[str, ...] = prop("Requires", texts)
    requisite: tuple[str, ...] = prop("Requisite", texts)
    wants: tuple[str, ...] = prop("Wants", texts)
    binds_to: tuple[str, ...] = prop("BindsTo", texts)
    part_of: tuple[str, ...] = prop("PartOf", texts)
    required_by: tuple[str, ...] = prop("RequiredBy", texts)
    wanted_by: tuple[str, ...] = prop("WantedBy", texts)
    bound_by: tuple[str, ...] = prop("BoundBy", texts)
    consists_of: tuple[str, ...] = prop("ConsistsOf", texts)
    conflicts: tuple[str, ...] = prop("Conflicts", texts)
    before: tuple[str, ...] = prop("Before", texts)
    after: tuple[str, ...] = prop("After", texts)
    on_failure: tuple[str, ...] = prop("OnFailure", texts)
    triggers: tuple[str, ...] = prop("Triggers", texts)
    triggered_by: tuple[str, ...] = prop("TriggeredBy", texts)

    # services, sockets, mounts, swaps, timers: how the last run went
    result: str | None = prop("Result", text)
    type: str | None = prop("Type", text)
    restart: str | None = prop("Restart", text)
    restarts: int | None = prop("NRestarts", number)
    status_text: str | None = prop("StatusText", text)
    main_pid: int | None = prop("MainPID", moment)
    exec_main_pid: int | None = prop("ExecMainPID", moment)
    exec_main_code: int | None = prop("ExecMainCode", number)  # CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3
    exec_main_status: int | None = prop("ExecMainStatus", number)  # exit code, or signal number
    exec_main_start_timestamp: int | None = prop("ExecMainStartTimestamp", moment)
    exec_main_exit_timestamp: int | None = prop("ExecMainExitTimestamp", moment)
    exec_start: tuple[tuple[str, ...], ...] = prop("ExecStart", _commands)
    user: str | None = prop("User", text)

    # what has a control group
    control_group: str | None = prop("ControlGroup", text)
    slice: str | None = prop("Slice", text)
    memory_current: int | None = prop("MemoryCurrent", count)
    memory_peak: int | None = prop("MemoryPeak", count)
    memory_max: int | None = prop("MemoryMax", count)
    cpu_usage_nsec: int | None = prop("CPUUsageNSec", count)
    tasks_current: int | None = prop("TasksCurrent", count)
    tasks_max: int | None = prop("TasksMax", count)
    io_read_bytes: int | None = prop("IOReadBytes", count)
    io_write_bytes: int | None = prop("IOWriteBytes", count)
    ip_ingress_bytes: int | None = prop("IPIngressBytes", count)
    ip_egress_bytes: int | None = prop("IPEgressBytes", count)

    # timers, paths, sockets, mounts
    unit: str | None = prop("Unit", text)
    next_elapse_realtime: int | None = prop("NextElapseUSecRealtime", moment)
    next_elapse_monotonic: int | None = prop("NextElapseUSecMonotonic", moment)
    last_trigger: int | None = prop("LastTriggerUSec", moment)
    timers_calendar: tuple[tuple[Any, ...], ...] = prop("TimersCalendar", rows)  # (base, expression, next µs)
    timers_monotonic: tuple[tuple[Any, ...], ...] = prop("TimersMonotonic", rows)  # (base, offset µs, next µs)
    persistent: bool | None = prop("Persistent", flag)
    listen: tuple[tuple[Any, ...], ...] = prop("Listen", rows)  # (type, address)
    connections: int | None = prop("NConnections", number)
    accepted: int | None = prop("NAccepted", number)
    what: str | None = prop("What", text)
    where: str | None = prop("Where", text)


@dataclass(frozen=True, slots=True)
class ManagerProperties:
    """What systemd says about itself and the machine."""

    version: str | None = prop("Version", text)
    system_state: str | None = prop("SystemState", text)  # running, degraded, starting, stopping, maintenance
    failed_units: int | None = prop("NFailedUnits", number)
    jobs: int | None = prop("NJobs", number)
    names: int | None = prop("NNames", number)
    virtualization: str | None = prop("Virtualization", text)
    confidential_virtualization: str | None = prop("ConfidentialVirtualization", text)
    architecture: str | None = prop("Architecture", text)
    tainted: str | None = prop("Tainted", text)
    kernel_timestamp: int | None = prop("KernelTimestamp", moment)
    userspace_timestamp: int | None = prop("UserspaceTimestamp", moment)
    userspace_timestamp_monotonic: int | None = prop("UserspaceTimestampMonotonic", moment)
    finish_timestamp: int | None = prop("FinishTimestamp", moment)
    control_group: str | None = prop("ControlGroup", text)
    unit_path: tuple[str, ...] = prop("UnitPath", texts)


@dataclass(frozen=True, slots=True)
class UnitNew:
    unit: str
    path: str


@dataclass(frozen=True, slots=True)
class UnitRemoved:
    unit: str
    path: str


@dataclass(frozen=True, slots=True)
class JobNew:
    id: int
    path: str
    unit: str


@dataclass(frozen=True, slots=True)
class JobRemoved:
    """`result`: done, canceled, timeout, failed, dependency, skipped, and rarer ones."""

    id: int
    path: str
    unit: str
    result: str


@dataclass(frozen=True, slots=True)
class UnitFilesChanged:
    """Something was enabled, disabled, masked...: list the unit files anew."""


@dataclass(frozen=True, slots=True)
class Reloading:
    """A daemon-reload began (`active`) or ended: list everything anew after its end."""

    active: bool


@dataclass(frozen=True, slots=True)
class PropertiesChanged:
    """`changed` by D-Bus property name; `invalidated` have a new value that has to be asked for."""

    unit: str
    interface: str
    changed: dict[str, Any]
    invalidated: tuple[str, ...]


Event = UnitNew | UnitRemoved | JobNew | JobRemoved | UnitFilesChanged | Reloading | PropertiesChanged


_SHAPES: dict[str, tuple[type[Event], list[type]]] = {
    "UnitNew": (UnitNew, [str, str]),
    "UnitRemoved": (UnitRemoved, [str, str]),
    "JobNew": (JobNew, [int, str, str]),
    "JobRemoved": (JobRemoved, [int, str, str, str]),
    "UnitFilesChanged": (UnitFilesChanged, []),
    "Reloading": (Reloading, [bool]),
}


def event(signal: Signal) -> Event | None:
    """What a signal of systemd means; None for one that is not among the `Event`s, or has another shape."""
    if signal.member == "PropertiesChanged":
        return _properties_changed(signal)
    meaning, shape = _SHAPES.get(signal.member, (None, []))
    fits = meaning is not None and [type(value) for value in signal.body] == shape
    return meaning(*signal.body) if meaning is not None and fits else None


def _properties_changed(signal: Signal) -> PropertiesChanged | None:
    unit = unit_of_path(signal.path)
    if not unit or [type(value) for value in signal.body] != [str, dict, list]:
        return None
    interface, changed, invalidated = signal.body
    return PropertiesChanged(unit, interface, changed, texts(invalidated))
