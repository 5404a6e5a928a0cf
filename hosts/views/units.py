"""The units of a host, one unit, and its verbs."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest, client_ip, require
from console.errors import ConsoleError
from console.models import Operation
from hosts import logins, unit_panels, unit_verbs, units
from hosts.access import host_view
from hosts.models import Host
from hosts.unit_panels import Subject
from hosts.unit_rows import base, row_html
from hosts.units import Unit
from hosts.watch import standing


@require_GET
@host_view("units.view")
async def index(request: ConsoleRequest, host: Host, manager: str = "") -> HttpResponse:
    snapshot = units.snapshot(host.pk, manager)
    listed = snapshot.value.sorted() if snapshot else []
    seen = [unit for unit in listed if request.rights.allows("units.view", host, unit.name)]
    context = {
        "host": host,
        "base": base(host.name, manager),
        "manager": manager,
        "nav": "units",
        **standing(host.pk, [units.topic_of(manager)]),
        "snapshot": snapshot,
        "subtitle": f"{manager}'s own manager" if manager else "",
        "rows": mark_safe("".join(row_html(host.name, manager, unit) for unit in seen)),  # noqa: S308  (escaped by the row)
        "count": len(seen),
        **_filters(seen),
    }
    return render(request, "hosts/units.html", context)


def _filters(listed: list[Unit]) -> dict[str, list[tuple[str, str]]]:
    """What the page's selects offer: the values that there are."""
    columns = {
        "types": {u.type for u in listed},
        "states": {u.active for u in listed},
        "file_states": {u.file_state for u in listed},
    }
    return {name: [(value, value) for value in sorted(values - {""})] for name, values in columns.items()}


@require_GET
@host_view("units.view")
async def managers(request: ConsoleRequest, host: Host) -> HttpResponse:
    """The switch between the system's manager and those of logins, on top of units and timers."""
    page = "timers" if request.GET.get("page") == "timers" else "units"
    try:
        names = await logins.with_a_manager(host)
    except ConsoleError:  # then there is only the system's to show
        names = []
    tabs = [("", reverse(page, args=[host.name]), "System")]
    tabs += [(name, reverse(page, args=[host.name, name]), name) for name in names]
    return render(request, "hosts/managers.html", {"tabs": tabs, "current": request.GET.get("manager", "")})


@require_GET
@host_view("units.view", name="unit")
async def menu(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    units.check_name(unit)
    context = unit_panels.context(Subject(host, manager, unit), request.rights)
    offered = context["offers"]
    verbs = offered.buttons + ([{"separator": True}] if offered.buttons and offered.menu else []) + offered.menu
    return render(request, "hosts/units.html#menu", {"verbs": verbs})


@require_POST
@host_view("units.view", name="unit")
async def act(request: ConsoleRequest, host: Host, unit: str, verb: str, manager: str = "") -> HttpResponse:
    chosen = unit_verbs.verb_named(verb)
    await require(request, chosen.capability, host, unit)
    operation = await unit_verbs.act(
        host,
        unit,
        chosen,
        actor=request.actor,
        ip=client_ip(request),
        signal=request.POST.get("signal", "SIGTERM"),
        manager=manager,
    )
    return answer(request, operation)


def answer(request: ConsoleRequest, operation: Operation) -> HttpResponse:
    """A toast, or without a script the operation's page."""
    if request.htmx:
        return render(request, "hosts/unit.html#toast", {"operation": operation})
    return redirect("operation", operation.pk)


@require_POST
@host_view("units.edit")
async def reload_manager(request: ConsoleRequest, host: Host, manager: str = "") -> HttpResponse:
    operation = await unit_verbs.reload_manager(
        host, actor=request.actor, ip=client_ip(request), manager=manager
    )
    return answer(request, operation)
