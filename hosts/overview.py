"""All hosts at a glance: one frozen Summary a host, made of what is already known, never by asking the host.

A Summary is made once for each new state of its snapshots, however many look at it; its order puts the worst first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from console.access import Rights
from console.snapshots import Snapshot, snapshots
from hosts import sampling, units
from hosts.inventory import FACTS
from hosts.metrics import Severity, health
from hosts.models import Host
from hosts.samplers import Filesystem, Sample
from hosts.transport.pool import Link
from hosts.watch import LINK, forgotten

TOPICS = [LINK, FACTS, sampling.BEAT, units.topic_of("")]
CURVE = 300.0  # seconds of the small curves
POINTS = 30  # of a small curve
NEARLY_FULL = 0.90
LOST, FAILING, ATTENTION, WELL = range(4)  # ranks, worst first
WAITING = {"connecting": ATTENTION, "stale": LOST, "unreachable": LOST, "refused": LOST}


@dataclass(frozen=True, slots=True)
class Summary:
    """One row. Percentages are whole numbers, None where the host does not tell; `seen`: epoch seconds of the newest
    sample; `failed` names the failed units, None when the units are not known."""

    id: int
    name: str
    groups: tuple[str, ...]
    state: str
    since: float | None
    reason: str = ""
    seen: float | None = None
    os: str = ""
    kernel: str = ""
    cpu: int | None = None
    cpu_curve: tuple[int, ...] = ()
    memory: int | None = None
    disk: int | None = None
    disk_mount: str = ""
    pressure: int | None = None
    pressure_of: str = ""
    pressure_curve: tuple[int, ...] = ()
    failed: tuple[str, ...] | None = None
    running: int | None = None  # workloads
    unhealthy: int | None = None
    reboot: str = ""
    critical: bool = False  # what `metrics.health` says
    warning: bool = False

    @property
    def system(self) -> str:
        """The system's name without what all have in common: "Debian 13"."""
        return re.sub(r" GNU/Linux| \(.*\)$", "", self.os)

    @property
    def live(self) -> bool:
        return self.state == "online"

    @property
    def rank(self) -> int:
        if not self.live:
            return WAITING.get(self.state, LOST)
        if self.failed or self.unhealthy or self.critical:
            return FAILING
        return ATTENTION if self.warning else WELL

    @property
    def tone(self) -> str:
        return ("danger" if self.live else "away", "danger", "warn" if self.live else "away", "")[self.rank]

    @property
    def key(self) -> str:
        """Worst first, then by name with numbers in their order, as text for the page to place rows by."""
        name = re.sub(r"\d+", lambda digits: digits[0].zfill(8), self.name.lower())
        return f"{self.rank} {name}"

    @property
    def problems(self) -> str:
        """The words that the page filters by."""
        found = {
            "away": not self.live,
            "failed": bool(self.failed),
            "unhealthy": bool(self.unhealthy),
            "disk": self.disk is not None and self.disk >= NEARLY_FULL * 100,
            "reboot": bool(self.reboot),
        }
        return " ".join(word for word, holds in found.items() if holds)

    def seen_by(self, rights: Rights, host: Host) -> Summary:
        """Without what this user may not see."""
        summary = self
        if self.failed is not None and not rights.everywhere("units.view"):
            names = tuple(name for name in self.failed if rights.allows("units.view", host, name))
            summary = replace(summary, failed=names if rights.allows("units.view", host) else None)
        if self.running is not None and not rights.allows("workloads.view", host):
            summary = replace(summary, running=None, unhealthy=None)
        return summary


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the hosts that a user sees."""

    hosts: int
    online: int
    failed: int
    failed_on: int
    running: int | None
    unhealthy: int
    full: int
    reboot: int


def totals(summaries: Iterable[Summary]) -> Totals:
    listed = list(summaries)
    running = [one.running for one in listed if one.running is not None]
    return Totals(
        hosts=len(listed),
        online=sum(one.live for one in listed),
        failed=sum(len(one.failed or ()) for one in listed),
        failed_on=sum(bool(one.failed) for one in listed),
        running=sum(running) if running else None,
        unhealthy=sum(one.unhealthy or 0 for one in listed),
        full=sum("disk" in one.problems for one in listed),
        reboot=sum(bool(one.reboot) for one in listed),
    )


def worst_first(summaries: Iterable[Summary]) -> list[Summary]:
    return sorted(summaries, key=lambda one: one.key)


# --- workloads: known to another app, which says how to count them

Counts = Callable[[int], tuple[int, int] | None]
_workloads: list[tuple[str, Counts]] = []


def provide_workloads(topic: str, counts: Counts) -> None:
    """`counts(host id)`: how many workloads run and how many are unhealthy, None when that is not known; it is asked
    again whenever `topic` changes."""
    _workloads.append((topic, counts))


def topics() -> list[str]:
    return TOPICS + [topic for topic, _ in _workloads]


# --- making summaries

_made: dict[int, tuple[tuple[object, ...], Summary]] = {}


def summary(host: Host) -> Summary:
    """The host as it is known now."""
    taken = [snapshots.get(host.pk, topic) for topic in topics()]
    sources = (host.name, tuple(host.group_names), *taken)
    known = _made.get(host.pk)
    if known and len(known[0]) == len(sources) and all(map(_same, known[0], sources)):
        return known[1]
    made = _summary(host, *taken[: len(TOPICS)])
    _made[host.pk] = (sources, made)
    return made


def _same(old: object, new: object) -> bool:
    """Snapshots are replaced, never changed: no need to compare thousands of units."""
    return old is new if isinstance(old, Snapshot) else old == new


def _summary(
    host: Host,
    link: Snapshot | None,
    facts: Snapshot | None,
    beat: Snapshot | None,
    listed: Snapshot | None,
) -> Summary:
    state: Link | None = link.value if link else None
    row = Summary(
        host.pk,
        host.name,
        tuple(host.group_names),
        state.state if state else "connecting",
        state.since if state else None,
        reason=state.error.title if state and state.error else "",
    )
    row = _with_workloads(row)
    if beat:
        row = _with_sample(row, beat.value, beat.seen)
    if listed:
        row = replace(row, failed=tuple(unit.name for unit in listed.value.failed))
    return _with_health(row, facts, beat)


def _with_workloads(row: Summary) -> Summary:
    for _, counts in _workloads:
        if (known := counts(row.id)) is not None:
            row = replace(row, running=known[0], unhealthy=known[1])
    return row


def _with_sample(row: Summary, sample: Sample, seen: float) -> Summary:
    disk = fullest(sample)
    pressure, resource = worst_pressure(sample)
    memory = sample.memory
    return replace(
        row,
        seen=seen,
        cpu=None if sample.cpu is None else round(sample.cpu.busy * 100),
        cpu_curve=curve(row.id, "cpu.busy"),
        memory=round(memory.used / memory.total * 100) if memory and memory.total else None,
        disk=int(disk.full * 100) if disk else None,
        disk_mount=disk.mount_point if disk else "",
        pressure=pressure,
        pressure_of=resource,
        pressure_curve=curve(row.id, f"pressure.{resource}") if resource else (),
    )


def _with_health(row: Summary, facts: Snapshot | None, beat: Snapshot | None) -> Summary:
    told = facts.value if facts else None
    found = {issue.severity for issue in health(beat.value if beat else None, told)}
    row = replace(row, critical=Severity.CRITICAL in found, warning=Severity.WARNING in found)
    if told is None:
        return row
    return replace(row, os=told.os_name, kernel=told.kernel, reboot=told.reboot_reason)


def fullest(sample: Sample) -> Filesystem | None:
    """Of those that can be written: a read-only image is always full."""
    disks = [disk for disk in sample.filesystems or () if not disk.read_only]
    return max(disks, key=lambda disk: disk.full, default=None)


def worst_pressure(sample: Sample) -> tuple[int | None, str]:
    """The most of the three resources' pressure in percent, and which it is; (None, "") where the kernel has none."""
    pressure = sample.pressure
    known = [
        (value, name)
        for name, value in (
            ("cpu", pressure.cpu_some),
            ("memory", pressure.memory_some),
            ("io", pressure.io_some),
        )
        if value is not None
    ]
    if not known:
        return None, ""
    value, name = max(known)
    return round(value * 100), name


def curve(host_id: int, name: str) -> tuple[int, ...]:
    """The last minutes of a fraction in percent, thinned out by means: a small curve shows no more."""
    values = [value for value in sampling.history(host_id).values(name, CURVE) if value is not None]
    step = max(1, -(-len(values) // POINTS))
    groups = [values[start : start + step] for start in range(0, len(values), step)]
    return tuple(round(sum(group) / len(group) * 100) for group in groups)


@forgotten
def forget(host_id: int) -> None:
    """The host was removed."""
    _made.pop(host_id, None)
