"""The parts of a host's page as HTML, each rendered once for all who see the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from console.access import Rights
from console.templatetags.console import ABSENT, duration
from hosts import gauges, inventory, sampling, top, units
from hosts.facts import Facts
from hosts.logins import Login
from hosts.metrics import RANK, SHOWN_CORES, Issue, Severity, health
from hosts.models import Host
from hosts.samplers import Sample
from hosts.top import Usage
from hosts.unit_rows import unit_url
from hosts.watch import link_of

TOPICS = [sampling.METRICS, inventory.FACTS, units.topic_of(""), top.TOP]  # what the page shows


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its curve; `field` names both to the stream."""

    label: str
    field: str
    curve: str  # of metrics.series_of
    factor: float = 1.0
    top: float | None = None
    values: list[float] | None = None
    value: str = ""
    note: str = ""


TILES = (
    Tile("CPU", "cpu", "cpu.busy", 100, 100),
    Tile("Load", "load", "load.1"),
    Tile("Memory", "memory", "memory.used", 0, 100),
    Tile("Swap", "swap", "memory.swap", 0, 100),
    Tile("Pressure", "pressure", "pressure.io", 100, 100),
    Tile("Fullest disk", "disk", ""),
    Tile("Disk I/O", "io", "disk.read"),
    Tile("Network", "network", "network.received"),
)

_gauges: dict[int, tuple[Sample, str]] = {}


def gauges_html(host_id: int, sample: Sample) -> str:
    """Tiles, cores, disks and interfaces with their newest numbers."""
    known = _gauges.get(host_id)
    if known is None or known[0] is not sample:
        html = render_to_string("hosts/host.html#gauges", _gauges_context(host_id, sample))
        known = _gauges[host_id] = (sample, html)
    return known[1]


def _gauges_context(host_id: int, sample: Sample) -> dict[str, Any]:
    values = dict(gauges.fields(sample))
    return {
        "sample": sample,
        "tiles": [tile for one in TILES if (tile := _tile(host_id, one, values, sample))],
        "cores": [
            (
                f"core{number}",
                gauges.curve(host_id, f"cpu.core.{number}", 100),
                values[f"core{number}"],
                number < SHOWN_CORES,
            )
            for number in range(len(sample.cores))
        ],
        "filesystems": [(f"fs{number}", disk) for number, disk in enumerate(sample.filesystems or ())],
        "devices": [
            (
                f"dev{number}",
                device,
                gauges.curve(host_id, f"disk.read.{device.name}"),
                gauges.curve(host_id, f"disk.written.{device.name}"),
            )
            for number, device in enumerate(sample.devices)
        ],
        "interfaces": [
            (
                f"if{number}",
                one,
                gauges.curve(host_id, f"network.received.{one.name}"),
                gauges.curve(host_id, f"network.sent.{one.name}"),
                values[f"if{number}-bad"],
            )
            for number, one in enumerate(sample.interfaces)
        ],
    }


def _tile(host_id: int, tile: Tile, values: dict[str, Any], sample: Sample) -> dict[str, Any] | None:
    """None for what this host does not have (swap, pressure)."""
    if tile.field not in values:
        return None
    return {
        "label": tile.label,
        "field": tile.field,
        "top": tile.top,
        "value": values[tile.field],
        "note": values.get(f"{tile.field}-note", ""),
        "values": _curve(host_id, tile, sample) if tile.curve else None,
    }


def _curve(host_id: int, tile: Tile, sample: Sample) -> list[float]:
    """Of totals where the tile shows a sum."""
    history = sampling.history(host_id)
    pairs = {"io": ("disk.read", "disk.written"), "network": ("network.received", "network.sent")}
    if tile.field in pairs:
        one, other = (history.values(name, gauges.MINUTE) for name in pairs[tile.field])
        return [(a or 0) + (b or 0) for a, b in zip(one, other, strict=False)]
    if tile.field == "pressure":
        each = [history.values(f"pressure.{name}", gauges.MINUTE) for name in ("cpu", "memory", "io")]
        return [max(value or 0 for value in values) * 100 for values in zip(*each, strict=False)]
    return gauges.curve(host_id, tile.curve, tile.factor or 100 / _whole(tile, sample))


def _whole(tile: Tile, sample: Sample) -> int:
    """What a share of memory is a share of."""
    if sample.memory is None:
        return 1
    return (sample.memory.swap_total if tile.field == "swap" else sample.memory.total) or 1


# --- health

ROOMS = {"disks": "#filesystems", "memory": "#chart-memory", "processor": "#cores"}  # on this page
PAGES = {"clock": ("hosts.identity", "identity"), "power": ("hosts.power", "power")}  # capability, route


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at, and where its cause is shown."""

    severity: str
    text: str
    href: str


def findings(host: Host, rights: Rights) -> tuple[Finding, ...]:
    """Worst first: what the samples and facts say, and the failed units that the user may see."""
    known = units.snapshot(host.pk)
    failed = known.value.failed if known else ()
    seen = [unit.name for unit in failed if rights.allows("units.view", host, unit.name)]
    issues = health(sampling.newest(host.pk), inventory.facts_of(host.pk))
    found = [*(_of_unit(host, name) for name in seen), *(_of_issue(host, issue, rights) for issue in issues)]
    return tuple(sorted(found, key=lambda one: RANK[Severity(one.severity)]))


def _of_unit(host: Host, name: str) -> Finding:
    return Finding(Severity.CRITICAL, f"{name} has failed", unit_url(host.name, name))


def _of_issue(host: Host, issue: Issue, rights: Rights) -> Finding:
    """Where it can be repaired, for those who may; else where it is shown."""
    capability, page = PAGES.get(issue.link, ("", ""))
    if page and rights.allows(capability, host):
        return Finding(issue.severity, issue.text, reverse(page, args=[host.name]))
    return Finding(issue.severity, issue.text, ROOMS.get(issue.link, "#identity"))


@lru_cache(maxsize=512)
def health_html(found: tuple[Finding, ...], systemd: bool, known: bool) -> str:
    """`systemd`: False when process 1 is something else; `known`: whether the host was ever sampled."""
    context = {"findings": found, "systemd": systemd, "known": known}
    return render_to_string("hosts/host.html#health", context)


def health_of(host: Host, rights: Rights) -> str:
    facts = inventory.facts_of(host.pk)
    return health_html(
        findings(host, rights), facts is None or facts.systemd is not None, sampling.newest(host.pk) is not None
    )


# --- identity


@lru_cache(maxsize=512)
def identity_html(address: str, facts: Facts | None) -> str:
    context = {"facts": facts, "address": address, "skew": skew(facts) if facts else ""}
    return render_to_string("hosts/host.html#identity", context)


def skew(facts: Facts) -> str:
    """How far the host's clock is from Vigie's, and how exactly that is known."""
    if facts.clock_skew is None:
        return ABSENT
    if abs(facts.clock_skew) <= max(facts.clock_error, 0.05):
        return "as Vigie's"
    side = "ahead of" if facts.clock_skew > 0 else "behind"
    return f"{duration(abs(facts.clock_skew))} {side} Vigie's, ± {duration(facts.clock_error)}"


def identity_of(host: Host) -> str:
    return identity_html(address(host), inventory.facts_of(host.pk))


def address(host: Host) -> str:
    if host.kind == Host.Kind.LOCAL:
        return "this machine"
    shown = f"[{host.address}]" if ":" in host.address else host.address
    port = f":{host.port}" if host.port != 22 else ""
    return f"{host.user}@{shown}{port}{' with sudo' if host.sudo else ''}"


def state_of(host: Host) -> str:
    """The state beside the page's title."""
    return render_to_string("hosts/host.html#state", {"link": link_of(host.pk)})


def subtitle(host: Host) -> str:
    facts = inventory.facts_of(host.pk)
    told = (facts.os_name, f"Linux {facts.kernel}", facts.product) if facts else ()
    return ", ".join(part for part in (*told, address(host)) if part)


# --- what uses most, and who is logged in


def top_of(host: Host, rights: Rights) -> str:
    """Nothing before the first reading."""
    snapshot = top.newest(host.pk)
    if snapshot is None or not rights.allows("units.view", host):
        return ""
    services = snapshot.services
    if not rights.everywhere("units.view"):
        services = tuple(one for one in services if rights.allows("units.view", host, one.name))
    return top_html(host.name, top.by_cpu(services), top.by_memory(services), snapshot.logins)


@lru_cache(maxsize=256)
def top_html(
    host_name: str, cpu: tuple[Usage, ...], memory: tuple[Usage, ...], logins: tuple[Login, ...] | None
) -> str:
    context = {
        "units_url": reverse("units", args=[host_name]),
        "cpu": bars((one.name, one.cpu) for one in cpu),
        "memory": bars((one.name, one.memory) for one in memory),
        "logins": logins,
    }
    return render_to_string("hosts/host.html#top", context)


def bars(rows: Iterable[tuple[str, float | None]]) -> list[tuple[str, float, float]]:
    """(name, figure, its length beside the longest in percent)."""
    listed = [(name, figure or 0.0) for name, figure in rows]
    longest = max((figure for _, figure in listed), default=0.0) or 1.0
    return [(name, figure, figure / longest * 100) for name, figure in listed]


# --- panels of other apps


@dataclass(frozen=True, slots=True)
class Guest:
    """A part of the page that another app brings: one element, whose id is `name`. It is rendered anew when one of
    `topics` changes; `begin(host id)` is called when a page has begun to look."""

    name: str
    topics: tuple[str, ...]
    html: Callable[[Host, Rights], str]
    begin: Callable[[int], None]


guests: list[Guest] = []
