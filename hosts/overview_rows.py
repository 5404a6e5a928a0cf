"""The overview's rows and totals as HTML, rendered once for all who see the same."""

from __future__ import annotations

from functools import lru_cache

from django.template.loader import render_to_string

from console.templatetags.console import ABSENT
from hosts.overview import Summary, Totals


@lru_cache(maxsize=4096)
def row_html(summary: Summary) -> str:
    return render_to_string("hosts/overview.html#row", {"one": summary})


@lru_cache(maxsize=64)
def totals_html(totals: Totals) -> str:
    return render_to_string("hosts/overview.html#totals", {"tiles": tiles(totals)})


def tiles(totals: Totals) -> list[dict[str, str]]:
    """What each total says, and the filter that shows the hosts it is about; without a problem it is no link."""
    away = totals.hosts - totals.online
    return [
        _tile(
            "Hosts online",
            f"{totals.online} of {totals.hosts}" if away else f"{totals.online}",
            f"{away} {'does' if away == 1 else 'do'} not answer" if away else "all answer",
            away and "away",
            "warn",
        ),
        _tile("Failed units", totals.failed, _on(totals.failed_on), totals.failed and "failed", "danger"),
        _tile(
            "Containers running",
            ABSENT if totals.running is None else totals.running,
            "not known" if totals.running is None else f"{totals.unhealthy} unhealthy",
            totals.unhealthy and "unhealthy",
            "danger",
        ),
        _tile("Disks nearly full", totals.full, _on(totals.full), totals.full and "disk", "warn"),
        _tile("Restart pending", totals.reboot, _on(totals.reboot), totals.reboot and "reboot", ""),
    ]


def _tile(label: str, value: int | str, note: str, problem: int | str, tone: str) -> dict[str, str]:
    link = {"href": f"/?problem={problem}", "tone": tone} if problem else {}
    return {"label": label, "value": str(value), "note": note, **link}


def _on(hosts: int) -> str:
    return "on 1 host" if hosts == 1 else f"on {hosts} hosts" if hosts else "none"
