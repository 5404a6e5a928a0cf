"""Editing a unit's override, and making units."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from console.access import ConsoleRequest, client_ip, require
from console.errors import ConsoleError
from hosts import unit_files
from hosts.access import host_view
from hosts.models import Host
from hosts.unit_files import Draft
from hosts.unit_forms import FORMS
from hosts.unit_offers import address
from hosts.unit_rows import base

EXAMPLE = "[Service]\n# Environment=NAME=value\n# MemoryMax=512M\n"


@require_http_methods(["GET", "POST"])
@host_view("units.edit", name="unit")
async def edit(request: ConsoleRequest, host: Host, unit: str, manager: str = "") -> HttpResponse:
    context = _context(host, manager) | {"unit_name": unit, "example": EXAMPLE}
    context["where"] = address(context["base"], unit)
    try:
        draft = context["draft"] = await unit_files.override(host, unit, manager)
        if request.method == "POST":
            posted = Draft(unit, draft.path, request.POST.get("text", ""), request.POST.get("opened", ""))
            context |= {"current": draft if draft.opened != posted.opened else None, "draft": posted}
            return await _save(request, host, posted, manager, context)
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/unit_edit.html", context, status=_status(context))


@require_http_methods(["GET", "POST"])
@host_view("units.edit")
async def new(request: ConsoleRequest, host: Host, kind: str, manager: str = "") -> HttpResponse:
    """First the form, then the file that it makes, which may be edited before it is written."""
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST or None, user_manager=bool(manager))
    context = _context(host, manager) | {"kind": kind, "form": form}
    if (
        request.method == "GET"
        or ("text" not in request.POST and not form.is_valid())
        or "back" in request.POST
    ):
        return render(
            request, "hosts/unit_new.html", context, status=400 if form.is_bound and form.errors else 200
        )
    try:
        name = form.cleaned_data["name"] if "text" not in request.POST else request.POST.get("name", "")
        await require(request, "units.edit", host, name)
        path = await unit_files.new_path(host, name, manager)
        text = request.POST["text"] if "text" in request.POST else form.cleaned_data["text"]
        draft = context["draft"] = Draft(name, path, text, "")
        if when := request.POST.get("calendar"):
            context["elapses"] = await unit_files.calendar(host, when)
        context["where"] = address(context["base"], name)
        return await _save(request, host, draft, manager, context)
    except ConsoleError as error:
        context["error"] = error
    return render(request, "hosts/unit_new.html", context, status=_status(context))


async def _save(
    request: ConsoleRequest, host: Host, draft: Draft, manager: str, context: dict[str, Any]
) -> HttpResponse:
    """Check, and write when that was asked for and nothing is against it (or all the same)."""
    text = unit_files.checked_text(draft.text)
    checked = Draft(draft.name, draft.path, text, draft.opened)
    findings = context["findings"] = await unit_files.verify(host, checked, manager) if text else []
    context["checked"] = True
    if "write" in request.POST and (not findings or "anyway" in request.POST):
        operation = await unit_files.write(
            host, checked, actor=request.actor, ip=client_ip(request), manager=manager
        )
        return redirect("operation", operation.pk)
    template = "hosts/unit_new.html" if "kind" in context else "hosts/unit_edit.html"
    return render(request, template, context, status=422 if findings and "write" in request.POST else 200)


def _context(host: Host, manager: str) -> dict[str, Any]:
    where = base(host.name, manager)
    return {"host": host, "nav": "units", "manager": manager, "base": where, "crumbs": [("Units", where)]}


def _status(context: dict[str, Any]) -> int:
    return context["error"].status if "error" in context else 200
