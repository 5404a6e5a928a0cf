"""Adding hosts, the way to a host, changing and removing it."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.access import ConsoleRequest, client_ip, guard
from console.errors import ConsoleError
from console.models import Operation
from hosts import diagnosis, fleet
from hosts.access import host_view
from hosts.connections import connections
from hosts.forms import HostForm
from hosts.models import Host
from hosts.watch import standing


@require_http_methods(["GET", "POST"])
@guard("hosts.manage")
async def add(request: ConsoleRequest) -> HttpResponse:
    form = HostForm(request.POST or None)
    if request.method == "POST" and await sync_to_async(form.is_valid)():
        host = form.save()
        operation = await fleet.add(host, actor=request.actor, ip=client_ip(request))
        if operation.state == Operation.State.SUCCEEDED:
            return redirect("host-connection", host.name)
        form.add_error(None, operation.error)
    return render(request, "hosts/host_add.html", _context(form), status=422 if form.errors else 200)


def _context(form: HostForm, **more: Any) -> dict[str, Any]:
    return {"form": form, "public_line": fleet.public_line(), "nav": "overview", **more}


@require_http_methods(["GET", "POST"])
@host_view("hosts.manage")
async def change(request: ConsoleRequest, host: Host) -> HttpResponse:
    name = host.name  # the form writes into the host, also what is not valid
    form = HostForm(request.POST or None, instance=host)
    if request.method == "POST" and await sync_to_async(form.is_valid)():
        operation = await fleet.change(form.save(), actor=request.actor, ip=client_ip(request))
        if operation.state == Operation.State.SUCCEEDED:
            return redirect("host-connection", host.name)
        form.add_error(None, operation.error)
    context = _context(form, host=await Host.objects.aget(pk=host.pk), crumbs=[(name, f"/host/{name}/")])
    return render(request, "hosts/host_change.html", context, status=422 if form.errors else 200)


@require_GET
@host_view("hosts.manage")
async def connection(request: ConsoleRequest, host: Host) -> HttpResponse:
    return render(request, "hosts/connection.html", _connection(host))


@require_GET
@host_view("hosts.manage")
async def steps(request: ConsoleRequest, host: Host) -> HttpResponse:
    return render(request, "hosts/connection.html#steps", _connection(host))


def _connection(host: Host) -> dict[str, Any]:
    return {
        "host": host,
        "nav": "host",
        **standing(host.pk),
        "public_line": fleet.public_line(),
        "crumbs": [(host.name, host.get_absolute_url())],
    }


@require_GET
@host_view("hosts.manage")
async def findings(request: ConsoleRequest, host: Host) -> HttpResponse:
    """What the host offers, tried now."""
    context: dict[str, Any] = {"host": host}
    try:
        transport = connections.get(host.pk).transport
        context["findings"] = [finding async for finding in diagnosis.diagnose(transport)]
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/connection.html#findings", context)


@require_POST
@host_view("hosts.manage")
async def accept_key(request: ConsoleRequest, host: Host) -> HttpResponse:
    fingerprint = request.POST.get("fingerprint", "")
    await fleet.accept_key(host, fingerprint, actor=request.actor, ip=client_ip(request))
    return redirect("host-connection", host.name)


@require_POST
@host_view("hosts.manage")
async def authorise(request: ConsoleRequest, host: Host) -> HttpResponse:
    password = request.POST.get("password", "")
    operation = await fleet.authorise_with_password(host, password, actor=request.actor, ip=client_ip(request))
    if operation.state == Operation.State.SUCCEEDED:
        return redirect("host-connection", host.name)
    return render(request, "hosts/connection.html", _connection(host) | {"operation": operation}, status=422)


@require_POST
@host_view("hosts.manage")
async def remove(request: ConsoleRequest, host: Host) -> HttpResponse:
    await fleet.remove(host, actor=request.actor, ip=client_ip(request))
    return redirect("overview")
