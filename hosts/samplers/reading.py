"""Counters as a host shows them at one moment, and the sample that two such readings make."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .sample import BlockDevice, Cpu, Filesystem, Interface, Memory, Pressure, Sample

WORD = 1 << 32  # counters of 32-bit kernels wrap here


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Time since boot in any unit, the same for all fields. User holds nice, system holds interrupts."""

    user: float
    system: float
    idle: float
    iowait: float
    steal: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes, and numbers of errors and drops, since boot."""

    received: int
    sent: int
    errors: int
    drops: int


@dataclass(frozen=True, slots=True)
class Requests:
    """Bytes, and milliseconds with requests in flight, since boot."""

    read: int
    written: int
    busy: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters that are read each time."""

    uptime: float
    boot_time: float = 0.0  # seconds since 1970
    boot_id: str = ""
    cpu: CpuTimes | None = None
    cores: tuple[CpuTimes, ...] = ()
    load: tuple[float, float, float] | None = None
    threads: int | None = None
    memory: Memory | None = None
    pressure: Pressure = field(default_factory=Pressure)
    devices: dict[str, Requests] = field(default_factory=dict)
    interfaces: dict[str, Traffic] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Survey:
    """What changes slowly or costs more, read every 10 s."""

    filesystems: tuple[Filesystem, ...] | None = None
    whole_devices: frozenset[str] = frozenset()
    physical_interfaces: frozenset[str] = frozenset()
    processes: int | None = None
    swapped_in: int | None = None  # bytes since boot
    swapped_out: int | None = None
    swap_rates: tuple[float | None, float | None] = (None, None)  # bytes a second since the survey before

    def with_filesystems(self, filesystems: tuple[Filesystem, ...]) -> Survey:
        return replace(self, filesystems=filesystems)

    def since(self, before: Survey, span: float) -> Survey:
        """With the rates of swapping since the survey before."""
        swapped_in = rate(before.swapped_in, self.swapped_in, span)
        return replace(self, swap_rates=(swapped_in, rate(before.swapped_out, self.swapped_out, span)))


def grown(before: float, now: float) -> float | None:
    """How much a counter grew. It wraps at 2^32 on 32-bit kernels; None when it was reset instead."""
    if now >= before:
        return now - before
    if WORD * 3 // 4 <= before < WORD and now < WORD // 4:
        return now + WORD - before
    return None


def rate(before: float | None, now: float | None, span: float) -> float | None:
    """Growth a second; None when it cannot be known."""
    if before is None or now is None or span <= 0:
        return None
    growth = grown(before, now)
    return None if growth is None else growth / span


def cpu_between(before: CpuTimes, now: CpuTimes) -> Cpu | None:
    """None when no time passed. iowait and steal may run backwards (the kernel says so): taken as no growth."""
    user, system = max(0.0, now.user - before.user), max(0.0, now.system - before.system)
    idle, iowait = max(0.0, now.idle - before.idle), max(0.0, now.iowait - before.iowait)
    steal = max(0.0, now.steal - before.steal)
    total = user + system + idle + iowait + steal
    if total <= 0:
        return None
    return Cpu(
        busy=(user + system + steal) / total,
        user=user / total,
        system=system / total,
        iowait=iowait / total,
        steal=steal / total,
    )


def cores_between(before: Sequence[CpuTimes], now: Sequence[CpuTimes]) -> tuple[float, ...]:
    """Empty when cores came or went meanwhile."""
    if len(before) != len(now):
        return ()
    shares = [cpu_between(old, new) for old, new in zip(before, now, strict=True)]
    return tuple(share.busy if share else 0.0 for share in shares)


def device_between(name: str, before: Requests | None, now: Requests, span: float) -> BlockDevice:
    stacked = name.startswith(("dm-", "md"))
    if before is None:
        return BlockDevice(name, None, None, None, stacked)
    busy = rate(before.busy, now.busy, span)
    return BlockDevice(
        name,
        read=rate(before.read, now.read, span),
        written=rate(before.written, now.written, span),
        busy=None if busy is None else min(1.0, busy / 1000),
        stacked=stacked,
    )


def interface_between(
    name: str, before: Traffic | None, now: Traffic, span: float, physical: bool
) -> Interface:
    if before is None:
        return Interface(name, None, None, None, None, physical)
    return Interface(
        name,
        received=rate(before.received, now.received, span),
        sent=rate(before.sent, now.sent, span),
        errors=rate(before.errors, now.errors, span),
        drops=rate(before.drops, now.drops, span),
        physical=physical,
    )


def rebooted(before: Reading, now: Reading) -> bool:
    return before.boot_id != now.boot_id or now.uptime < before.uptime


def shown_device(name: str, whole: frozenset[str]) -> bool:
    """Whole disks only; loop, ram and zram devices are no disks."""
    return name in whole and not name.startswith(("loop", "ram", "zram"))


def shown_interface(name: str) -> bool:
    """Not the loopback, nor the host's ends of containers' cables."""
    return name != "lo" and not name.startswith("veth")


def sample_between(before: Reading, now: Reading, survey: Survey) -> Sample:
    """After a reboot between the two there are no rates."""
    if rebooted(before, now):
        before = Reading(now.uptime, boot_id=now.boot_id)
    span = now.uptime - before.uptime
    whole, physical = survey.whole_devices, survey.physical_interfaces
    return Sample(
        uptime=now.uptime,
        host_time=now.boot_time + now.uptime,
        seen=time.time(),
        monotonic=time.monotonic(),
        span=span,
        boot_id=now.boot_id,
        cpu=cpu_between(before.cpu, now.cpu) if before.cpu and now.cpu else None,
        cores=cores_between(before.cores, now.cores),
        load=now.load,
        memory=now.memory,
        pressure=now.pressure,
        filesystems=survey.filesystems,
        devices=tuple(
            device_between(name, before.devices.get(name), counters, span)
            for name, counters in now.devices.items()
            if shown_device(name, whole)
        ),
        interfaces=tuple(
            interface_between(name, before.interfaces.get(name), counters, span, name in physical)
            for name, counters in now.interfaces.items()
            if shown_interface(name)
        ),
        processes=survey.processes,
        threads=now.threads,
        swapped_in=survey.swap_rates[0],
        swapped_out=survey.swap_rates[1],
    )
