"""What a sampler says about a host at one moment. The same words for this machine and for a remote one.

Units: bytes, bytes a second, seconds, and fractions from 0 to 1. A rate is the mean over `Sample.span`.
None means that the host does not tell, or that no rate can be known yet (a new device, a reset counter).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cpu:
    """Fractions of all cores' time together. `busy` is what is neither idle nor iowait."""

    busy: float
    user: float  # with nice
    system: float  # with interrupts
    iowait: float
    steal: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes."""

    total: int
    available: int
    cached: int  # page cache, buffers and reclaimable slab
    swap_total: int
    swap_used: int

    @property
    def used(self) -> int:
        return max(0, self.total - self.available)


@dataclass(frozen=True, slots=True)
class Pressure:
    """The kernel's pressure stall information: the fraction of the last 10 s in which some, or all, tasks waited."""

    cpu_some: float | None = None
    cpu_full: float | None = None
    memory_some: float | None = None
    memory_full: float | None = None
    io_some: float | None = None
    io_full: float | None = None


@dataclass(frozen=True, slots=True)
class Filesystem:
    """Bytes. `available` is what users other than root may still write."""

    mount_point: str
    kind: str  # ext4, xfs, ...
    source: str
    total: int
    used: int
    available: int
    read_only: bool = False

    @property
    def full(self) -> float:
        """The fraction that is used of what users can use, as df says it."""
        usable = self.used + self.available
        return self.used / usable if usable > 0 else 0.0


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """A whole disk (or dm, md device). Bytes a second; `busy` is the fraction of time with requests in flight."""

    name: str
    read: float | None
    written: float | None
    busy: float | None
    stacked: bool = False  # made of other devices (dm, md): not added to totals


@dataclass(frozen=True, slots=True)
class Interface:
    """Bytes a second; errors and drops a second, both directions together."""

    name: str
    received: float | None
    sent: float | None
    errors: float | None
    drops: float | None
    physical: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    uptime: float  # seconds since the host booted: the host's monotonic clock
    host_time: float  # the host's wall clock, seconds since 1970, exact to 1 s
    seen: float  # Vigie's wall clock when the sample arrived
    monotonic: float  # Vigie's monotonic clock then
    span: float  # seconds between the two readings that the rates come from
    boot_id: str = ""
    cpu: Cpu | None = None
    cores: tuple[float, ...] = ()  # busy fraction of each core online
    load: tuple[float, float, float] | None = None  # over 1, 5, 15 minutes
    memory: Memory | None = None
    pressure: Pressure = field(default_factory=Pressure)
    filesystems: tuple[Filesystem, ...] | None = None
    devices: tuple[BlockDevice, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    processes: int | None = None  # counted every 10 s
    threads: int | None = None
    swapped_in: float | None = None  # bytes a second over the last 10 s
    swapped_out: float | None = None
