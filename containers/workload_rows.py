"""One workload's row, and its live figures, as every page and stream shows them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from console.templatetags.console import bytes_filter, percent
from containers.engine.base import ContainerStats, Port
from containers.workloads import ENDED_AS_ASKED, Workload

EMPTY = (
    'data-field="{}" data-value="">\u2013<'  # as the template leaves a figure; no host's text has such quotes
)
SYSTEM = "-"  # in addresses, for the system's own; no login is called so


def href(host_name: str, row: Workload) -> str:
    return reverse("workload", args=[host_name, row.kind, row.owner or SYSTEM, row.name])


def dom_id(row: Workload) -> str:
    return f"workload:{row.key}"


def state_of(row: Workload) -> tuple[str, str]:
    """(the state that gives icon and tone, its words)."""
    if row.state == "exited" and row.exit_code not in ENDED_AS_ASKED:
        return "failed", f"exited with {row.exit_code}"
    if row.health and row.state == "running":
        tone = {"unhealthy": "failed", "starting": "starting"}.get(row.health, "running")
        return tone, {"healthy": "running, healthy", "starting": "first check"}.get(row.health, row.health)
    return row.state, row.state


def port_text(port: Port) -> str:
    """ "8080 → 80", "127.0.0.1:53 → 53/udp", "19000-19002 → 9000"."""
    last = f"-{port.host_port + port.count - 1}" if port.count > 1 else ""
    ip = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    proto = "" if port.proto == "tcp" else f"/{port.proto}"
    return f"{ip + ':' if ip else ''}{port.host_port}{last} → {port.container_port}{proto}"


def row_html(host_name: str, row: Workload) -> str:
    """What changes every second is put into a row that is rendered once for all who see it."""
    html = _row_html(host_name, replace(row, cpu_percent=None, memory=None, memory_limit=None))
    if row.memory is None:
        return html
    filled = {"cpu": _cpu(row.cpu_percent), "memory": [bytes_filter(row.memory), row.memory]}
    for field, (text, value) in filled.items():
        html = html.replace(EMPTY.format(field), f'data-field="{field}" data-value="{value}">{text}<', 1)
    return html


@lru_cache(maxsize=8192)
def _row_html(host_name: str, row: Workload) -> str:
    state, words = state_of(row)
    context = {
        "id": dom_id(row),
        "row": row,
        "sort": f"{row.rank} {row.name}",
        "href": href(host_name, row),
        "state": state,
        "words": words,
        "ports": ", ".join(port_text(port) for port in row.ports),
        "image": short_image(row.image),
        "unit_href": unit_href(host_name, row),
        "tone": {0: "danger"}.get(row.rank, ""),
        "owner": row.owner or "system",
    }
    return render_to_string("containers/list.html#row", context)


def unit_href(host_name: str, row: Workload) -> str:
    if not row.unit:
        return ""
    where = reverse("units", args=[host_name, row.owner] if row.owner else [host_name])
    return f"{where}?q={row.unit}"


def short_image(image: str) -> str:
    """Without the registry that says nothing new, and with a digest cut short."""
    name, at, digest = image.removeprefix("localhost/").removeprefix("docker.io/library/").partition("@")
    return f"{name}@{digest[:19]}" if at else name


def figures(sample: ContainerStats | None) -> dict[str, Any]:
    """What a patch of a row carries: text, and the number to sort by."""
    if sample is None:
        return {"cpu": [percent(None), ""], "memory": [bytes_filter(None), ""]}
    return {"cpu": _cpu(sample.cpu_percent), "memory": [bytes_filter(sample.memory), sample.memory]}


def _cpu(value: float | None) -> list[Any]:
    return [percent(value, 1), "" if value is None else round(value, 2)]
