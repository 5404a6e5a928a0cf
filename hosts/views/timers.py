"""The timers of a host."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest
from hosts import timers
from hosts.access import host_view
from hosts.models import Host
from hosts.unit_rows import base
from hosts.watch import link_of


@require_GET
@host_view("units.view")
async def index(request: ConsoleRequest, host: Host, manager: str = "") -> HttpResponse:
    found, error = await timers.known_or_read(host.pk, manager)
    seen = [timer for timer in found if request.rights.allows("units.view", host, timer.name)]
    context = {
        "host": host,
        "nav": "timers",
        "manager": manager,
        "base": base(host.name, manager),
        "link": link_of(host.pk),
        "timers": seen,
        "error": error,
        "subtitle": f"{manager}'s own manager" if manager else "",
    }
    return render(request, "hosts/timers.html", context)
