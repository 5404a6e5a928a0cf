"""The containers that use most of a host, as a panel of the host's page."""

from __future__ import annotations

from functools import lru_cache

from django.template.loader import render_to_string

from console.access import Rights
from containers import watch
from containers.workload_rows import href
from containers.workloads import Workload, with_stats
from hosts.host_panels import Guest, bars
from hosts.models import Host

SHOWN = 6  # rows of a list


def html(host: Host, rights: Rights) -> str:
    """Of the containers that the user may see; hidden while none runs."""
    known = watch.snapshot(host.pk)
    rows = [row for row in known.value.by_key.values() if row.running] if known else []
    seen = [row for row in rows if rights.allows("workloads.view", host, row.name)]
    measured = with_stats(seen, watch.stats(host.pk))
    return _html(host.name, _most(measured, "cpu_percent"), _most(measured, "memory"))


Use = tuple[Workload, float]


def _most(rows: tuple[Workload, ...], figure: str) -> tuple[Use, ...]:
    used = [(row, value) for row in rows if (value := getattr(row, figure)) is not None]
    return tuple(sorted(used, key=lambda one: (-one[1], one[0].name))[:SHOWN])


@lru_cache(maxsize=256)
def _html(host_name: str, cpu: tuple[Use, ...], memory: tuple[Use, ...]) -> str:
    context = {"cpu": _bars(host_name, cpu), "memory": _bars(host_name, memory)}
    return render_to_string("containers/top.html", context)


def _bars(host_name: str, used: tuple[Use, ...]) -> list[tuple[str, str, float, float]]:
    """(address, name, figure, length)."""
    lengths = bars((row.name, value) for row, value in used)
    return [(href(host_name, row), *bar) for (row, _), bar in zip(used, lengths, strict=True)]


GUEST = Guest("top-containers", (watch.TOPIC, watch.STATS), html, watch.attend)
