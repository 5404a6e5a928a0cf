"""The text of /proc as readings. Hostile or garbled text yields absent values, never an exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .reading import CpuTimes, Reading, Requests, Traffic
from .sample import Memory, Pressure

MAX_CORES = 1024
MAX_DEVICES = 256
MAX_INTERFACES = 256
SECTOR = 512  # /proc/diskstats counts in these, whatever the disk's own size is


def numbers(fields: Sequence[str]) -> list[int] | None:
    """All of them as counters, or None. ASCII digits only, at most 20: what a 64-bit kernel prints."""
    if all(field.isascii() and field.isdigit() and len(field) <= 20 for field in fields):
        return [int(field) for field in fields]
    return None


def seconds(text: str) -> float | None:
    """A positive decimal as the kernel prints it: no exponent, no sign, no inf, no nan."""
    whole, _, fraction = text.partition(".")
    return float(text) if numbers([whole, fraction or "0"]) is not None else None


def parse_uptime(text: str) -> float | None:
    return seconds(text.split(" ", 1)[0].strip())


def parse_cpu_line(fields: Sequence[str]) -> CpuTimes | None:
    """cpuN user nice system idle iowait irq softirq steal ...; guest time is within user."""
    values = numbers(fields[1:9])
    if values is None or len(values) < 4:
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (values + [0] * 8)[:8]
    return CpuTimes(user + nice, system + irq + softirq, idle, iowait, steal)


def parse_stat(text: str) -> tuple[CpuTimes | None, tuple[CpuTimes, ...], float]:
    """/proc/stat: all cores together, each core, and when the host booted (seconds since 1970)."""
    total, booted = None, 0.0
    cores: list[CpuTimes] = []
    for line in text.split("\n"):
        if line.startswith("cpu"):
            fields = line.split()
            times = parse_cpu_line(fields)
            if fields[0] == "cpu":
                total = times
            elif times and len(cores) < MAX_CORES:
                cores.append(times)
        elif line.startswith("btime "):
            booted = seconds(line[6:].strip()) or 0.0
    return total, tuple(cores), booted


def parse_loadavg(text: str) -> tuple[tuple[float, float, float] | None, int | None]:
    """The load over 1, 5 and 15 minutes, and the number of threads."""
    fields = text.split()
    if len(fields) < 4:
        return None, None
    one, five, fifteen = (seconds(field) for field in fields[:3])
    threads = numbers([fields[3].partition("/")[2]])
    load = None if one is None or five is None or fifteen is None else (one, five, fifteen)
    return load, threads[0] if threads else None


def parse_meminfo(text: str) -> dict[str, int]:
    """Bytes by the kernel's names."""
    amounts = {}
    for line in text.split("\n"):
        name, colon, rest = line.partition(":")
        amount = numbers(rest.split()[:1]) if colon else None
        if amount:
            amounts[name] = amount[0] * 1024
    return amounts


def memory_of(amounts: Mapping[str, int]) -> Memory | None:
    """None without MemTotal. Kernels before 3.14 do not say what is available: free memory and caches, then."""
    if "MemTotal" not in amounts:
        return None
    cached = amounts.get("Cached", 0) + amounts.get("Buffers", 0) + amounts.get("SReclaimable", 0)
    swap = amounts.get("SwapTotal", 0)
    return Memory(
        total=amounts["MemTotal"],
        available=amounts.get("MemAvailable", amounts.get("MemFree", 0) + cached),
        cached=cached,
        swap_total=swap,
        swap_used=max(0, swap - amounts.get("SwapFree", swap)),
    )


def parse_pressure(text: str) -> dict[str, float]:
    """/proc/pressure/*: {"some": fraction, "full": fraction} of the last 10 s; what is missing is left out."""
    shares = {}
    for line in text.split("\n"):
        kind, _, rest = line.partition(" avg10=")
        percent = seconds(rest.split(" ", 1)[0])
        if kind in ("some", "full") and percent is not None:
            shares[kind] = min(1.0, percent / 100)
    return shares


def pressure_of(cpu: str, memory: str, io: str) -> Pressure:
    processor, ram, disk = parse_pressure(cpu), parse_pressure(memory), parse_pressure(io)
    return Pressure(
        cpu_some=processor.get("some"),
        cpu_full=processor.get("full"),
        memory_some=ram.get("some"),
        memory_full=ram.get("full"),
        io_some=disk.get("some"),
        io_full=disk.get("full"),
    )


def parse_net_dev(text: str) -> dict[str, Traffic]:
    """/proc/net/dev by interface. No name holds a colon, but those of old aliases do: the last one ends it."""
    traffic: dict[str, Traffic] = {}
    for line in text.split("\n"):
        name, _, rest = line.rpartition(":")
        values = numbers(rest.split()) if name else None
        if values and len(values) >= 12 and len(traffic) < MAX_INTERFACES:
            traffic[name.strip()] = Traffic(
                values[0], values[8], errors=values[2] + values[10], drops=values[3] + values[11]
            )
    return traffic


def parse_diskstats(text: str) -> dict[str, Requests]:
    """/proc/diskstats by device, partitions included."""
    requests: dict[str, Requests] = {}
    for line in text.split("\n"):
        fields = line.split()
        values = numbers(fields[3:13]) if len(fields) >= 13 else None
        if values and len(requests) < MAX_DEVICES and not fields[2].startswith(("loop", "ram")):
            requests[fields[2]] = Requests(values[2] * SECTOR, values[6] * SECTOR, values[9])
    return requests


def parse_vmstat(text: str) -> tuple[int | None, int | None]:
    """Bytes swapped in and out since boot."""
    pages: dict[str, int] = {}
    for line in text.split("\n"):
        if line.startswith(("pswpin ", "pswpout ")):
            name, _, count = line.partition(" ")
            value = numbers([count.strip()])
            if value:
                pages[name] = value[0] * 4096
    return pages.get("pswpin"), pages.get("pswpout")


COUNTERS = (
    "/proc/uptime",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
    "/proc/net/dev",
    "/proc/diskstats",
    "/proc/sys/kernel/random/boot_id",
)


def parse_reading(texts: Sequence[str]) -> Reading | None:
    """The texts of COUNTERS, in that order. None when not even the uptime can be read."""
    texts = [*texts, *[""] * len(COUNTERS)][: len(COUNTERS)]
    uptime, stat, load, memory, cpu_wait, memory_wait, io_wait, net, disk, boot = texts
    since_boot = parse_uptime(uptime)
    if since_boot is None:
        return None
    total, cores, booted = parse_stat(stat)
    averages, threads = parse_loadavg(load)
    return Reading(
        uptime=since_boot,
        boot_time=booted,
        boot_id=boot.strip()[:36],
        cpu=total,
        cores=cores,
        load=averages,
        threads=threads,
        memory=memory_of(parse_meminfo(memory)),
        pressure=pressure_of(cpu_wait, memory_wait, io_wait),
        devices=parse_diskstats(disk),
        interfaces=parse_net_dev(net),
    )
