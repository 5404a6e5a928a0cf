"""Restart and power off: now, later, not at all."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest, client_ip
from console.errors import ConsoleError
from console.models import Operation
from hosts import power
from hosts.access import host_view
from hosts.models import Host


@require_GET
@host_view("hosts.power")
async def page(request: ConsoleRequest, host: Host) -> HttpResponse:
    context: dict[str, Any] = {"host": host, "nav": "host", "ways": power.WAYS.values()}
    try:
        context["power"] = await power.state(host)
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/power.html", context)


@require_POST
@host_view("hosts.power")
async def now(request: ConsoleRequest, host: Host) -> HttpResponse:
    operation = await power.go_down(
        host,
        power.way_named(request.POST.get("way", "")),
        actor=request.actor,
        ip=client_ip(request),
        message=request.POST.get("message", ""),
        force="force" in request.POST,
    )
    return redirect("operation", operation.pk)


@require_POST
@host_view("hosts.power")
async def schedule(request: ConsoleRequest, host: Host) -> HttpResponse:
    operation = await power.schedule(
        host,
        power.way_named(request.POST.get("way", "")),
        minutes=power.minutes_of(
            request.POST.get("minutes", ""), request.POST.get("at", ""), request.POST.get("zone", "")
        ),
        actor=request.actor,
        ip=client_ip(request),
        message=request.POST.get("message", ""),
    )
    return back(request, operation, "power", host)


@require_POST
@host_view("hosts.power")
async def cancel(request: ConsoleRequest, host: Host) -> HttpResponse:
    operation = await power.cancel(host, actor=request.actor, ip=client_ip(request))
    return back(request, operation, "power", host)


def back(request: ConsoleRequest, operation: Operation, page_name: str, host: Host) -> HttpResponse:
    """To the page that asked, which shows the new state, with a word on how it ended; to the operation while it runs."""
    if operation.is_open:
        return redirect("operation", operation.pk)
    if operation.state == Operation.State.SUCCEEDED:
        messages.success(request, operation.result)
    else:
        messages.error(request, f"{operation.error} {operation.remedy}")
    return redirect(page_name, host.name)
