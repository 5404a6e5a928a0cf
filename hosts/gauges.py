"""A host's sample as its page shows it: texts, curves and charts, made once a sample for all who look.

A field's name says where the page puts it (data-field): NAME is the number's text, NAME-curve a sparkline's next point,
NAME-meter a bar, NAME-note the small print.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.templatetags.console import ABSENT, bytes_filter, percent, rate
from hosts import sampling
from hosts.metrics import (
    SHOWN_CORES,
    disk_read,
    disk_written,
    network_received,
    network_sent,
    series_of,
)
from hosts.overview import fullest, worst_pressure
from hosts.samplers import Filesystem, Sample

Field = tuple[str, str | float | None]
MINUTE, WINDOW = 60.0, 300.0  # seconds
HUNDRED = 100.0


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: the curve of `metrics.series_of` that it draws, and what makes it the chart's unit."""

    label: str
    name: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    title: str
    unit: str  # of chart.js
    series: tuple[Series, ...]
    top: float | None = None

    @property
    def series_json(self) -> str:
        return json.dumps([{"label": series.label} for series in self.series])

    def history(self, host_id: int) -> list[list[float | None]]:
        """As chart.js takes it: times, then each series' numbers."""
        kept = sampling.history(host_id)
        times: list[float | None] = [round(time, 2) for time in kept.times(WINDOW)]
        return [
            times,
            *(
                [_scaled(value, series) for value in kept.values(series.name, WINDOW)] or [None] * len(times)
                for series in self.series
            ),
        ]


CHARTS = (
    Chart(
        "cpu",
        "CPU",
        "percent",
        (
            Series("busy", "cpu.busy", HUNDRED),
            Series("system", "cpu.system", HUNDRED),
            Series("waiting for I/O", "cpu.iowait", HUNDRED),
        ),
        HUNDRED,
    ),
    Chart("load", "Load", "", (Series("over 1 minute", "load.1"),)),
    Chart(
        "memory",
        "Memory",
        "bytes",
        (Series("used", "memory.used"), Series("cache", "memory.cached"), Series("swap", "memory.swap")),
    ),
    Chart(
        "network", "Network", "rate", (Series("received", "network.received"), Series("sent", "network.sent"))
    ),
    Chart("disk", "Disks", "rate", (Series("read", "disk.read"), Series("written", "disk.written"))),
    Chart(
        "pressure",
        "Pressure",
        "percent",
        (
            Series("CPU", "pressure.cpu", HUNDRED),
            Series("memory", "pressure.memory", HUNDRED),
            Series("I/O", "pressure.io", HUNDRED),
        ),
    ),
)


def _scaled(value: float | None, series: Series) -> float | None:
    return None if value is None else round(value * series.factor, 2)


def points(sample: Sample) -> dict[str, list[float | None]]:
    """The charts' next points."""
    values = dict(series_of(sample))
    return {
        chart.name: [round(sample.seen, 2), *(_scaled(values.get(one.name), one) for one in chart.series)]
        for chart in CHARTS
    }


def missed(host_id: int, after: float) -> list[dict[str, list[float | None]]]:
    """The points of the samples after this time (epoch seconds) but for the newest, oldest first."""
    times = sampling.history(host_id).times(WINDOW)
    columns = (
        {chart.name: chart.history(host_id) for chart in CHARTS}
        if any(time > after for time in times[:-1])
        else {}
    )
    return [
        {name: [column[index] for column in chart] for name, chart in columns.items()}
        for index, time in enumerate(times[:-1])
        if time > after + 0.01
    ]


# --- numbers

_frames: dict[int, tuple[Sample, dict[str, Any]]] = {}


def frame(host_id: int, sample: Sample) -> dict[str, Any]:
    """What a page is sent for this sample: {"patch": ..., "samples": ..., "resume": ...}."""
    known = _frames.get(host_id)
    if known is None or known[0] is not sample:
        made = {
            "patch": {"metrics": {name: value for name, value in fields(sample) if value is not None}},
            "samples": points(sample),
            "resume": resume(sample),
        }
        known = _frames[host_id] = (sample, made)
    return known[1]


def resume(sample: Sample) -> str:
    return f"{sample.seen:.3f} {layout(sample)}"


def layout(sample: Sample) -> str:
    """What the page's tables are made for: when it changes they are rendered anew."""
    parts = (
        len(sample.cores),
        [disk.mount_point for disk in sample.filesystems or ()],
        [device.name for device in sample.devices],
        [interface.name for interface in sample.interfaces],
        sample.memory is not None and sample.memory.swap_total > 0,
    )
    return f"{hash(json.dumps(parts)) & 0xFFFFFFFF:08x}"


def fields(sample: Sample) -> Iterator[Field]:
    yield from _processors(sample)
    yield from _memory(sample)
    yield from _pressure(sample)
    yield from _disks(sample)
    yield from _devices(sample)
    yield from _interfaces(sample)


def _whole(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction * HUNDRED, 1)


def _processors(sample: Sample) -> Iterator[Field]:
    busy = _whole(sample.cpu.busy if sample.cpu else None)
    yield "cpu", percent(busy)
    yield "cpu-curve", busy
    yield "cpu-note", f"{len(sample.cores)} cores" if len(sample.cores) != 1 else "1 core"
    if sample.load:
        yield "load", f"{sample.load[0]:.2f}"
        yield "load-curve", round(sample.load[0], 2)
        yield "load-note", f"5 min {sample.load[1]:.2f}, 15 min {sample.load[2]:.2f}"
    for number, core in enumerate(sample.cores):
        yield f"core{number}", percent(_whole(core))
        if number < SHOWN_CORES:
            yield f"core{number}-curve", _whole(core)


def _memory(sample: Sample) -> Iterator[Field]:
    memory = sample.memory
    if memory is None or not memory.total:
        return
    used = _whole(memory.used / memory.total)
    yield "memory", percent(used)
    yield "memory-curve", used
    yield "memory-note", f"{bytes_filter(memory.used)} of {bytes_filter(memory.total)}"
    if memory.swap_total:
        swapped = _whole(memory.swap_used / memory.swap_total)
        yield "swap", percent(swapped)
        yield "swap-curve", swapped
        yield "swap-note", f"{bytes_filter(memory.swap_used)} of {bytes_filter(memory.swap_total)}"


def _pressure(sample: Sample) -> Iterator[Field]:
    worst, _ = worst_pressure(sample)
    if worst is None:
        return
    pressure = sample.pressure
    each = (("CPU", pressure.cpu_some), ("memory", pressure.memory_some), ("I/O", pressure.io_some))
    yield "pressure", percent(worst)
    yield "pressure-curve", worst
    yield "pressure-note", ", ".join(f"{name} {percent(_whole(value))}" for name, value in each)


def _disks(sample: Sample) -> Iterator[Field]:
    disk = fullest(sample)
    if disk:
        yield "disk", percent(int(disk.full * HUNDRED))
        yield "disk-note", f"{disk.mount_point}: {bytes_filter(disk.available)} free"
    for number, disk in enumerate(sample.filesystems or ()):
        yield from _filesystem(f"fs{number}", disk)


def _filesystem(name: str, disk: Filesystem) -> Iterator[Field]:
    yield f"{name}-meter", _whole(disk.full)
    yield name, percent(int(disk.full * HUNDRED))
    yield f"{name}-used", bytes_filter(disk.used)
    yield f"{name}-free", bytes_filter(disk.available)


def _devices(sample: Sample) -> Iterator[Field]:
    read, written = disk_read(sample), disk_written(sample)
    yield "io", _sum(read, written)
    yield "io-curve", _added(read, written)
    yield "io-note", f"read {rate(read)}, written {rate(written)}"
    for number, device in enumerate(sample.devices):
        yield f"dev{number}-read", rate(device.read)
        yield f"dev{number}-read-curve", device.read
        yield f"dev{number}-written", rate(device.written)
        yield f"dev{number}-written-curve", device.written
        yield f"dev{number}-busy", percent(_whole(device.busy))


def _interfaces(sample: Sample) -> Iterator[Field]:
    received, sent = network_received(sample), network_sent(sample)
    yield "network", _sum(received, sent)
    yield "network-curve", _added(received, sent)
    yield "network-note", f"in {rate(received)}, out {rate(sent)}"
    for number, interface in enumerate(sample.interfaces):
        yield f"if{number}-received", rate(interface.received)
        yield f"if{number}-received-curve", interface.received
        yield f"if{number}-sent", rate(interface.sent)
        yield f"if{number}-sent-curve", interface.sent
        yield f"if{number}-bad", faults(interface.errors, interface.drops)


def faults(errors: float | None, drops: float | None) -> str:
    """Lost packets of an interface; a dash is not "none"."""
    if errors is None and drops is None:
        return ABSENT
    return f"{(errors or 0) + (drops or 0):.0f}/s"


def _added(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _sum(one: float | None, other: float | None) -> str:
    return rate(_added(one, other))


# --- small curves as the page is rendered with them


def curve(host_id: int, name: str, factor: float = 1.0) -> list[float]:
    """The last minute of a curve."""
    return [value * factor for value in sampling.history(host_id).values(name, MINUTE) if value is not None]
