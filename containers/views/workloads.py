"""The workloads of a host, one workload, and their verbs."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_POST

from console.access import ConsoleRequest, Rights, client_ip, require
from console.errors import NotFound
from containers import details, engine_states, verbs, watch
from containers.workload_rows import SYSTEM, href, row_html
from containers.workloads import Workload, with_stats
from hosts.access import host_view
from hosts.models import Host
from hosts.watch import standing


@require_GET
@host_view("workloads.view")
async def index(request: ConsoleRequest, host: Host) -> HttpResponse:
    snapshot = watch.snapshot(host.pk)
    seen = visible(host, request.rights, snapshot.value.sorted() if snapshot else [])
    rows = with_stats(seen, watch.stats(host.pk))
    context = {
        **about(host),
        "snapshot": snapshot,
        "rows": mark_safe("".join(row_html(host.name, row) for row in rows)),  # noqa: S308  (escaped by the row)
        "count": len(seen),
        "engines": engine_states.shown(host) if snapshot else [],
        **_filters(seen),
    }
    return render(request, "containers/list.html", context)


def about(host: Host) -> dict[str, Any]:
    return {"host": host, "nav": "containers", **standing(host.pk, [watch.TOPIC])}


def visible(host: Host, rights: Rights, rows: list[Workload]) -> list[Workload]:
    return [row for row in rows if rights.allows("workloads.view", host, row.name)]


def _filters(rows: list[Workload]) -> dict[str, list[tuple[str, str]]]:
    """What the page's selects offer: the values that there are."""
    columns = {
        "states": {row.state for row in rows},
        "owners": {row.owner or "system" for row in rows},
        "kinds": {row.kind for row in rows},
        "pods": {row.pod or (row.name if row.kind == "pod" else "") for row in rows},
    }
    return {name: [(value, value) for value in sorted(values - {""})] for name, values in columns.items()}


def known(host: Host, kind: str, owner: str, name: str) -> Workload:
    try:
        return watch.workload(host.pk, kind, "" if owner == SYSTEM else owner, name)
    except NotFound as error:
        raise Http404 from error


@require_GET
@host_view("workloads.view", name="name")
async def menu(request: ConsoleRequest, host: Host, **place: str) -> HttpResponse:
    row = known(host, **place)
    return render(request, "components/verb_list.html", {"verbs": offered(request.rights, host, row)})


def offered(rights: Rights, host: Host, row: Workload) -> list[dict[str, Any]]:
    """The verbs that this user may use now, as the verb components take them."""
    return [
        {
            "title": f"Send SIG{signal}" if signal else verb.label,
            "href": f"{href(host.name, row)}{verb.name}/",
            "icon": verb.symbol,
            "fields": {"signal": signal} if signal else {},
            "confirm": verb.question(row, host.name, signal),
            "confirm_text": verb.consequence(row),
            "danger": bool(verb.consequence(row)),
        }
        for verb in verbs.offered(row)
        for signal in (verbs.signals_of(row) if verb.signals else ("",))
        if rights.allows(verb.capability, host, row.name)
    ]


@require_POST
@host_view("workloads.view", name="name")
async def act(request: ConsoleRequest, host: Host, verb: str, **place: str) -> HttpResponse:
    chosen = verbs.verb_named(verb)
    await require(request, chosen.capability, host, place["name"])
    row = known(host, **place)
    signal = request.POST.get("signal", "TERM")
    operation = await verbs.act(host, row, chosen, actor=request.actor, ip=client_ip(request), signal=signal)
    if request.htmx:
        return render(request, "hosts/unit.html#toast", {"operation": operation})
    return redirect("operation", operation.pk)


@require_GET
@host_view("workloads.view", name="name")
async def page(request: ConsoleRequest, host: Host, **place: str) -> HttpResponse:
    row = known(host, **place)
    context = {
        **about(host),
        **await details.shown(host, row),
        "may_read_logs": request.rights.allows("workloads.logs", host, row.name),
    }
    return render(request, "containers/workload.html", context)


@require_GET
@host_view("workloads.view", name="name")
async def processes(request: ConsoleRequest, host: Host, **place: str) -> HttpResponse:
    row = known(host, **place)
    return render(request, "containers/workload.html#processes", await details.processes(host, row))
