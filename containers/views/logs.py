"""A container's log, live and as a file."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest
from console.errors import InvalidInput
from containers import logs
from containers.views.workloads import about, known
from containers.workload_rows import href
from hosts.access import host_view
from hosts.models import Host

STREAMS = (("stdout", "Output"), ("stderr", "Errors"))


@require_GET
@host_view("workloads.logs", name="name")
async def page(request: ConsoleRequest, host: Host, **place: str) -> HttpResponse:
    row = known(host, **place)
    context = {
        **about(host),
        "row": row,
        "href": href(host.name, row),
        "values": request.GET,
        "streams": STREAMS,
        "query": urlencode(
            {key: request.GET[key] for key in ("text", "stream", "since") if request.GET.get(key)}
        ),
        "crumbs": [("Containers", f"/host/{quote(host.name)}/containers/"), (row.name, href(host.name, row))],
    }
    try:
        logs.parse_query(request.GET.dict())
    except InvalidInput as error:
        context["error"] = error
    return render(request, "containers/log.html", context)


@require_GET
@host_view("workloads.logs", name="name")
async def download(request: ConsoleRequest, host: Host, **place: str) -> HttpResponseBase:
    row = known(host, **place)
    lines = logs.whole(row, logs.parse_query(request.GET.dict()))
    response = StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.name}.log"'
    return response
