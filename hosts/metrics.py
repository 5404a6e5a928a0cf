"""A host's last minutes as curves, and what in its samples deserves attention."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .facts import Facts
from .samplers import Filesystem, Interface, Sample

POINTS = 300  # 5 minutes at one sample a second
MAX_SERIES = 240  # 288 KB at most, whatever a host pretends to have
SHOWN_CORES = 64  # curves; numbers are shown for all
NOTHING = math.nan


class Curves:
    """Rings of the last POINTS samples: one for the times, one for each series. Missing values are NaN inside."""

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._times = array("d", [NOTHING]) * points
        self._series: dict[str, array[float]] = {}
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self._points)

    @property
    def names(self) -> list[str]:
        return sorted(self._series)

    def append(self, when: float, values: dict[str, float | None]) -> None:
        """`when`: seconds on a clock that never runs back.

        New names past MAX_SERIES are not kept until old ones have run out.
        """
        slot = self._written % self._points
        self._times[slot] = when
        for name in values:
            self._make(name)
        for name, ring in self._series.items():
            value = values.get(name)
            ring[slot] = NOTHING if value is None else value
        self._written += 1
        if slot == 0:
            self._forget_empty()

    def _make(self, name: str) -> None:
        if name not in self._series and len(self._series) < MAX_SERIES:
            self._series[name] = array("f", [NOTHING]) * self._points

    def _forget_empty(self) -> None:
        """Once a round: a device that is gone must not keep its ring."""
        gone = [name for name, ring in self._series.items() if all(map(math.isnan, ring))]
        for name in gone:
            del self._series[name]

    def _order(self) -> list[int]:
        first = max(0, self._written - self._points)
        return [position % self._points for position in range(first, self._written)]

    def times(self, seconds: float = math.inf) -> list[float]:
        """Oldest first; only the last `seconds` before the newest."""
        return [self._times[slot] for slot in self._recent(seconds)]

    def values(self, name: str, seconds: float = math.inf) -> list[float | None]:
        """Beside `times(seconds)`; None where nothing was measured. Empty for an unknown name."""
        ring = self._series.get(name)
        if ring is None:
            return []
        return [None if math.isnan(ring[slot]) else ring[slot] for slot in self._recent(seconds)]

    def _recent(self, seconds: float) -> list[int]:
        order = self._order()
        if not order or math.isinf(seconds):
            return order
        oldest = self._times[order[-1]] - seconds
        return [slot for slot in order if self._times[slot] >= oldest]

    @property
    def size(self) -> int:
        """Bytes that the rings hold."""
        return sum(ring.itemsize * len(ring) + 80 for ring in (self._times, *self._series.values()))


class History(Curves):
    """The curves of one host, named as `series_of` names them.

    Kept by the monotonic clock and told by the wall clock: setting Vigie's clock moves a curve and does not tear it.
    """

    _wall = 0.0  # the wall clock's lead over the monotonic one

    def add(self, sample: Sample) -> None:
        self._wall = sample.seen - sample.monotonic
        self.append(sample.monotonic, dict(series_of(sample)))

    def times(self, seconds: float = math.inf) -> list[float]:
        """Seconds since 1970, oldest first; only the last `seconds` before the newest."""
        return [when + self._wall for when in super().times(seconds)]


Point = tuple[str, float | None]


def series_of(sample: Sample) -> Iterator[Point]:
    """Every curve's name and value: fractions, bytes, bytes a second, as in Sample."""
    yield from processor_series(sample)
    yield from memory_series(sample)
    yield from pressure_series(sample)
    yield from device_series(sample)
    yield from interface_series(sample)


def processor_series(sample: Sample) -> Iterator[Point]:
    cpu = sample.cpu
    yield "cpu.busy", cpu.busy if cpu else None
    yield "cpu.user", cpu.user if cpu else None
    yield "cpu.system", cpu.system if cpu else None
    yield "cpu.iowait", cpu.iowait if cpu else None
    for number, busy in enumerate(sample.cores[:SHOWN_CORES]):
        yield f"cpu.core.{number}", busy
    yield "load.1", sample.load[0] if sample.load else None


def memory_series(sample: Sample) -> Iterator[Point]:
    memory = sample.memory
    yield "memory.used", memory.used if memory else None
    yield "memory.cached", memory.cached if memory else None
    yield "memory.swap", memory.swap_used if memory else None


def pressure_series(sample: Sample) -> Iterator[Point]:
    pressure = sample.pressure
    yield "pressure.cpu", pressure.cpu_some
    yield "pressure.memory", pressure.memory_some
    yield "pressure.io", pressure.io_some


def device_series(sample: Sample) -> Iterator[Point]:
    yield "disk.read", disk_read(sample)
    yield "disk.written", disk_written(sample)
    for device in sample.devices:
        yield f"disk.read.{device.name}", device.read
        yield f"disk.written.{device.name}", device.written


def interface_series(sample: Sample) -> Iterator[Point]:
    yield "network.received", network_received(sample)
    yield "network.sent", network_sent(sample)
    for interface in sample.interfaces:
        yield f"network.received.{interface.name}", interface.received
        yield f"network.sent.{interface.name}", interface.sent


def total(rates: Sequence[float | None]) -> float | None:
    """Of those that are known; None when none is."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def disk_read(sample: Sample) -> float | None:
    """Bytes a second of all disks. What dm and md devices do is done by the disks under them."""
    return total([device.read for device in sample.devices if not device.stacked])


def disk_written(sample: Sample) -> float | None:
    return total([device.written for device in sample.devices if not device.stacked])


def outward(interfaces: Sequence[Interface]) -> list[Interface]:
    """The physical ones (bridges and tunnels carry the same bytes again); all of them where there is none."""
    return [interface for interface in interfaces if interface.physical] or list(interfaces)


def network_received(sample: Sample) -> float | None:
    return total([interface.received for interface in outward(sample.interfaces)])


def network_sent(sample: Sample) -> float | None:
    return total([interface.sent for interface in outward(sample.interfaces)])


class Severity(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


@dataclass(frozen=True, slots=True)
class Issue:
    """Something to look at. `link` says which room of the host's pages shows the cause, `subject` what within it."""

    severity: Severity
    text: str
    link: str  # disks, memory, processor, clock, power
    subject: str = ""


def health(sample: Sample | None, facts: Facts | None = None) -> list[Issue]:
    """Worst first. What was not measured raises no issue."""
    found: list[Issue] = []
    if sample is not None:
        found += [issue for disk in sample.filesystems or () if (issue := disk_issue(disk))]
        found += [*memory_issues(sample), *processor_issues(sample)]
    if facts is not None:
        found += [*clock_issues(facts), *reboot_issues(facts)]
    return sorted(found, key=lambda issue: RANK[issue.severity])


DISK_WARNING, DISK_CRITICAL = 0.90, 0.97


def disk_issue(disk: Filesystem) -> Issue | None:
    """A disk that cannot be written cannot run full: that is its issue then."""
    if disk.read_only:
        return Issue(Severity.WARNING, f"{disk.mount_point} is read-only", "disks", disk.mount_point)
    if disk.full < DISK_WARNING:
        return None
    severity = Severity.CRITICAL if disk.full >= DISK_CRITICAL else Severity.WARNING
    percent = math.floor(disk.full * 100)
    return Issue(severity, f"{disk.mount_point} is {percent} % full", "disks", disk.mount_point)


PRESSURE_WARNING, PRESSURE_CRITICAL = 0.10, 0.40  # of the time, all tasks wait for memory
MEMORY_LEFT = 0.05  # where the kernel does not tell its pressure
SWAP_THRASH = 4 * 1024 * 1024  # bytes a second, in and out


def memory_issues(sample: Sample) -> Iterator[Issue]:
    waiting = sample.pressure.memory_full
    if waiting is not None and waiting >= PRESSURE_WARNING:
        severity = Severity.CRITICAL if waiting >= PRESSURE_CRITICAL else Severity.WARNING
        yield Issue(severity, f"Everything waits for memory {waiting:.0%} of the time", "memory")
    elif waiting is None and sample.memory and sample.memory.available < sample.memory.total * MEMORY_LEFT:
        yield Issue(Severity.WARNING, "Less than 5 % of the memory is available", "memory")
    if min(sample.swapped_in or 0.0, sample.swapped_out or 0.0) >= SWAP_THRASH:
        yield Issue(Severity.WARNING, "Memory is swapped out and in again all the time", "memory")


LOAD_WARNING, LOAD_CRITICAL = 2.0, 8.0  # times the cores, over 5 minutes


def processor_issues(sample: Sample) -> Iterator[Issue]:
    if sample.load is None or not sample.cores:
        return
    times = sample.load[1] / len(sample.cores)
    if times >= LOAD_WARNING:
        severity = Severity.CRITICAL if times >= LOAD_CRITICAL else Severity.WARNING
        cores = "1 core" if len(sample.cores) == 1 else f"{len(sample.cores)} cores"
        yield Issue(severity, f"Load {sample.load[1]:.1f} on {cores} for 5 minutes", "processor")


SKEW_WARNING, SKEW_CRITICAL = 2.0, 60.0  # seconds; certificates and one-time passwords fail beyond a minute


def clock_issues(facts: Facts) -> Iterator[Issue]:
    """Only what is certain: the measurement's own error is taken off."""
    if facts.clock_skew is None:
        return
    certain = abs(facts.clock_skew) - facts.clock_error
    if certain >= SKEW_WARNING:
        severity = Severity.CRITICAL if certain >= SKEW_CRITICAL else Severity.WARNING
        side = "ahead" if facts.clock_skew > 0 else "behind"
        yield Issue(severity, f"The clock is {abs(facts.clock_skew):,.0f} s {side}", "clock")


def reboot_issues(facts: Facts) -> Iterator[Issue]:
    if facts.reboot_reason:
        yield Issue(Severity.NOTICE, f"Restart pending: {facts.reboot_reason}", "power")
