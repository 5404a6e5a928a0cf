"""The journal of a host: the page, older and skipped entries, one entry, the download."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console import audit
from console.access import ConsoleRequest, client_ip
from console.errors import InvalidInput, NotAuthorised
from hosts import journal, units
from hosts.access import host_view
from hosts.journal import Query
from hosts.models import Host
from hosts.watch import standing

MOST_DOWNLOADED = 64 * 2**20  # bytes


@require_GET
@host_view("journal.view")
async def index(request: ConsoleRequest, host: Host) -> HttpResponse:
    context: dict[str, Any] = {
        "host": host,
        "nav": "journal",
        **standing(host.pk),
        "values": request.GET.dict(),
    }
    try:
        query = _query(request, host)
    except (InvalidInput, NotAuthorised) as error:
        return render(request, "hosts/journal.html", context | {"error": error}, status=error.status)
    context |= {"query": query, "live": query.until is None, "priorities": list(enumerate(journal.PRIORITIES))}
    context["unit_names"] = _unit_names(request, host)
    return render(request, "hosts/journal.html", context)


def _unit_names(request: ConsoleRequest, host: Host) -> list[str]:
    """What the unit field suggests: those known now whose log the user may read."""
    known = units.snapshot(host.pk)
    names = sorted(known.value.by_name) if known else []
    return [name for name in names if request.rights.allows("journal.view", host, name)]


def _query(request: ConsoleRequest, host: Host) -> Query:
    """What the address asks for; Http404 when the user may not read all of that."""
    query = journal.parse_query(request.GET.dict())
    if journal.may_read(request.rights, host, query):
        return query
    if query.units:
        raise Http404
    raise NotAuthorised(
        "You may read the logs of single units here.", remedy="Name one: open it from the list of units."
    )


@require_GET
@host_view("journal.view")
async def entries(request: ConsoleRequest, host: Host) -> JsonResponse:
    """`?before=CURSOR` or `?after=CURSOR` or neither (the newest): {entries: [...], more: bool}."""
    query, cursor = _query(request, host), request.GET.get("after", "")
    page = await (
        journal.after(host, query, cursor)
        if cursor
        else journal.before(host, query, request.GET.get("before", ""))
    )
    return JsonResponse({"entries": [journal.as_row(entry) for entry in page.entries], "more": page.more})


@require_GET
@host_view("journal.view")
async def entry(request: ConsoleRequest, host: Host) -> HttpResponse:
    """All fields of the entry at `?cursor=`. Who may read only some units' logs may open only their entries."""
    fields = await journal.fields(host, request.GET.get("cursor", ""))
    unit = journal.unit_of(dict(fields))
    if not journal.may_read(request.rights, host, Query(units=(unit,) if unit else ())):
        raise Http404
    template = "hosts/journal_entry.html#fields" if request.htmx else "hosts/journal_entry.html"
    context = {"host": host, "nav": "journal", "fields": fields, "unit": unit, "cursor": request.GET["cursor"]}
    return render(request, template, context)


@require_GET
@host_view("journal.view")
async def boots(request: ConsoleRequest, host: Host) -> HttpResponse:
    return render(
        request,
        "hosts/journal.html#boots",
        {"boots": await journal.boots(host), "chosen": request.GET.get("boot")},
    )


@require_GET
@host_view("journal.view")
async def download(request: ConsoleRequest, host: Host) -> StreamingHttpResponse:
    query = _query(request, host)
    await audit.arecord(
        "journal.download",
        actor=request.actor.get_username(),
        ip=client_ip(request),
        target=host.name,
        detail={"query": request.GET.dict()},
    )
    name = f'attachment; filename="{host.name}-journal.txt"'
    body = journal.download(host, query, MOST_DOWNLOADED)
    return StreamingHttpResponse(
        body, content_type="text/plain; charset=utf-8", headers={"Content-Disposition": name}
    )
