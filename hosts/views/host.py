"""The page of one host."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest
from hosts import gauges, host_panels, sampling, watch
from hosts.access import host_view
from hosts.models import Host


@require_GET
@host_view("hosts.view")
async def index(request: ConsoleRequest, host: Host) -> HttpResponse:
    sample = sampling.newest(host.pk)
    panels = {
        "health": host_panels.health_of(host, request.rights),
        "identity": host_panels.identity_of(host),
        "gauges": host_panels.gauges_html(host.pk, sample) if sample else "",
        "top": host_panels.top_of(host, request.rights),
        "guests": "".join(guest.html(host, request.rights) for guest in host_panels.guests),
    }
    context: dict[str, Any] = {
        "host": host,
        "nav": "host",
        **watch.standing(host.pk, host_panels.TOPICS),
        "subtitle": host_panels.subtitle(host),
        "charts": [(chart, chart.history(host.pk)) for chart in gauges.CHARTS],
        "resume": gauges.resume(sample) if sample else "",
        **{name: mark_safe(html) for name, html in panels.items()},  # noqa: S308  (escaped by their templates)
    }
    return render(request, "hosts/host.html", context)


@require_POST
@host_view("hosts.view")
async def retry(request: ConsoleRequest, host: Host) -> HttpResponse:
    """Connect now instead of at the next attempt."""
    watch.retry(host)
    return HttpResponse(status=204) if request.htmx else redirect(host)
