"""This machine's counters, by psutil. What psutil has no name for is read from /proc."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from .mounts import Mount, disks, filesystem, parse_mountinfo
from .proc import pressure_of
from .reading import CpuTimes, Reading, Requests, Survey, Traffic
from .sample import Filesystem, Memory, Pressure


def text_of(path: str) -> str:
    """Empty when this kernel has no such file, or does not fill it (psi=0)."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def cpu_times() -> tuple[CpuTimes, tuple[CpuTimes, ...]]:
    """psutil's user time holds the guests', as the kernel's does."""

    def times(raw: Any) -> CpuTimes:
        return CpuTimes(
            raw.user + raw.nice, raw.system + raw.irq + raw.softirq, raw.idle, raw.iowait, raw.steal
        )

    return times(psutil.cpu_times()), tuple(times(core) for core in psutil.cpu_times(percpu=True))


def memory() -> Memory:
    ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Memory(
        total=ram.total,
        available=ram.available,
        cached=ram.cached + ram.buffers,  # psutil counts reclaimable slab as cached
        swap_total=swap.total,
        swap_used=swap.used,
    )


def pressure() -> Pressure:
    return pressure_of(*(text_of(f"/proc/pressure/{resource}") for resource in ("cpu", "memory", "io")))


def requests() -> dict[str, Requests]:
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return {
        name: Requests(io.read_bytes, io.write_bytes, io.busy_time)
        for name, io in counters.items()
        if not name.startswith(("loop", "ram"))
    }


def traffic() -> dict[str, Traffic]:
    return {
        name: Traffic(io.bytes_recv, io.bytes_sent, io.errin + io.errout, io.dropin + io.dropout)
        for name, io in psutil.net_io_counters(pernic=True, nowrap=False).items()
    }


def read_counters() -> Reading:
    total, cores = cpu_times()
    threads = text_of("/proc/loadavg").partition("/")[2].split(" ")[0]
    return Reading(
        uptime=float(text_of("/proc/uptime").split(" ")[0]),
        boot_time=psutil.boot_time(),
        boot_id=text_of("/proc/sys/kernel/random/boot_id").strip(),
        cpu=total,
        cores=cores,
        load=psutil.getloadavg(),
        threads=int(threads) if threads else None,
        memory=memory(),
        pressure=pressure(),
        devices=requests(),
        interfaces=traffic(),
    )


def spaces(mounts: Sequence[Mount]) -> tuple[Filesystem, ...]:
    """Mounts that cannot be read (gone meanwhile, not allowed) are left out, as df does."""
    found = []
    for mount in mounts:
        with contextlib.suppress(OSError):
            usage = psutil.disk_usage(mount.point)
            found.append(filesystem(mount, usage.total, usage.used, usage.free))
    return tuple(found)


def read_survey() -> Survey:
    swap = psutil.swap_memory()
    return Survey(
        filesystems=spaces(disks(parse_mountinfo(text_of("/proc/self/mountinfo")))),
        whole_devices=frozenset(path.name.replace("!", "/") for path in Path("/sys/block").glob("*")),
        physical_interfaces=frozenset(path.parent.name for path in Path("/sys/class/net").glob("*/device")),
        processes=len(psutil.pids()),
        swapped_in=swap.sin,
        swapped_out=swap.sout,
    )


class LocalSource:
    """Reads in a thread: it takes milliseconds, and a disk that hangs must not hold up the event loop."""

    async def read(self) -> Reading | None:
        return await asyncio.to_thread(read_counters)

    async def survey(self) -> Survey:
        return await asyncio.to_thread(read_survey)
