"""The overview's rows and totals as HTML, rendered once for all who see the same."""

from __future__ import annotations

from functools import lru_cache

from django.template.loader import render_to_string

from hosts.overview import Summary, Totals


@lru_cache(maxsize=4096)
def row_html(summary: Summary) -> str:
    return render_to_string("hosts/overview.html#row", {"one": summary})


@lru_cache(maxsize=64)
def totals_html(totals: Totals) -> str:
    return render_to_string("hosts/overview.html#totals", {"totals": totals})
