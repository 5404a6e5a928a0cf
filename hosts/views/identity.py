"""What a host is called, its time zone, its time service; and who is logged in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest, client_ip
from console.errors import ConsoleError
from hosts import identity
from hosts.access import host_view
from hosts.logins import logins
from hosts.models import Host
from hosts.views.power import back


@require_GET
@host_view("hosts.identity")
async def page(request: ConsoleRequest, host: Host) -> HttpResponse:
    context: dict[str, Any] = {"host": host, "nav": "host"}
    try:
        context["known"] = await identity.known(host)
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/identity.html", context)


@require_POST
@host_view("hosts.identity")
async def names(request: ConsoleRequest, host: Host) -> HttpResponse:
    name, pretty = request.POST.get("name", ""), request.POST.get("pretty", "")
    operation = await identity.set_names(host, name, pretty, actor=request.actor, ip=client_ip(request))
    return back(request, operation, "identity", host)


@require_POST
@host_view("hosts.identity")
async def timezone(request: ConsoleRequest, host: Host) -> HttpResponse:
    zone = request.POST.get("timezone", "")
    operation = await identity.set_timezone(host, zone, actor=request.actor, ip=client_ip(request))
    return back(request, operation, "identity", host)


@require_POST
@host_view("hosts.identity")
async def ntp(request: ConsoleRequest, host: Host) -> HttpResponse:
    on = request.POST.get("ntp") == "on"
    operation = await identity.set_ntp(host, on, actor=request.actor, ip=client_ip(request))
    return back(request, operation, "identity", host)


@require_GET
@host_view("hosts.view")
async def logged_in(request: ConsoleRequest, host: Host) -> HttpResponse:
    """A page, and for htmx its list alone, so that others can show it."""
    context: dict[str, Any] = {"host": host, "nav": "host"}
    try:
        context["logins"] = await logins(host)
    except ConsoleError as error:
        context["error"] = error
    part = request.htmx and not request.htmx.boosted
    return render(request, "hosts/logins.html#list" if part else "hosts/logins.html", context)
