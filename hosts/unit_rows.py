"""One unit's row as HTML, rendered once for all who see it."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from django.template.loader import render_to_string
from django.urls import reverse

from hosts.units import Unit


@lru_cache(maxsize=8192)
def row_html(host_name: str, manager: str, unit: Unit) -> str:
    context = {"base": base(host_name, manager), "unit": unit}
    return render_to_string("hosts/units.html#row", context)


def base(host_name: str, manager: str) -> str:
    """The address below which this manager's units have theirs."""
    return reverse("units", args=[host_name, manager] if manager else [host_name])


def unit_url(host_name: str, unit_name: str, manager: str = "") -> str:
    return f"{base(host_name, manager)}{quote(unit_name, safe='')}/"
