"""One unit's page."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest
from console.errors import ConsoleError
from hosts import journal, unit_details, unit_panels, units
from hosts.access import host_view
from hosts.journal import Query
from hosts.models import Host
from hosts.unit_panels import Subject
from hosts.watch import standing


@require_GET
@host_view("units.view", name="unit")
async def page(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    """Rendered at once from what is known; what is not follows by the stream or the fragment `details`."""
    units.check_name(unit)
    known = units.snapshot(host.pk, manager)
    if known:
        units.unit(host.pk, unit, manager)  # raises NotFound
    context = unit_panels.context(Subject(host, manager, unit), request.rights)
    return render(
        request,
        "hosts/unit.html",
        context | {"nav": "units", "snapshot": known, **standing(host.pk, [units.topic_of(manager)])},
    )


@require_GET
@host_view("units.view", name="unit")
async def details(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    subject = Subject(host, manager, unit)
    units.unit(host.pk, unit, manager)
    try:
        found = await unit_details.read(host.pk, manager, unit)
    except ConsoleError as error:
        return render(request, "hosts/unit.html#unread", {"error": error})
    return render(request, "hosts/unit.html#body", unit_panels.context(subject, request.rights, found))


@require_GET
@host_view("units.view", name="unit")
async def last_lines(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    """What the unit said last: part of why it failed."""
    if manager or not unit_panels.may_read_log(Subject(host, manager, unit), request.rights):
        raise Http404
    context: dict[str, Any] = {"host": host, "unit_name": unit}
    try:
        context["entries"] = (await journal.before(host, Query(units=(unit,)))).entries[-5:]
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/unit.html#last_lines", context)
