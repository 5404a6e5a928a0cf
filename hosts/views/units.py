"""The units of a host, one unit, and its verbs."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest, client_ip, require
from hosts import unit_verbs, units
from hosts.access import host_view
from hosts.models import Host
from hosts.unit_rows import base, row_html
from hosts.units import Unit
from hosts.watch import link_of


@require_GET
@host_view("units.view")
async def index(request: ConsoleRequest, host: Host, manager: str = "") -> HttpResponse:
    snapshot = units.snapshot(host.pk, manager)
    listed = snapshot.value.sorted() if snapshot else []
    seen = [unit for unit in listed if request.rights.allows("units.view", host, unit.name)]
    context = {
        "host": host,
        "nav": "units",
        "link": link_of(host.pk),
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
@host_view("units.view", name="unit")
async def menu(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    verbs = [verb for verb in unit_verbs.VERBS.values() if request.rights.allows(verb.capability, host, unit)]
    where = f"{base(host.name, manager)}{quote(unit, safe='')}/"
    listed = [
        {"label": verb.label, "href": f"{where}{verb.name}/", "confirm": verb.question(unit, host.name)}
        for verb in verbs
    ]
    return render(request, "hosts/units.html#menu", {"verbs": listed})


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
    if request.htmx:
        return render(request, "console/operation.html#toast", {"operation": operation})
    return redirect("operation", operation.pk)
