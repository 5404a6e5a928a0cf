"""About this console: its loops, its version, its memory."""

from __future__ import annotations

from datetime import UTC, datetime

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_GET

from console import vitals
from console.access import ConsoleRequest, guard, scopes
from console.supervisor import supervisor


@require_GET
@guard("about.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    state = vitals.read()
    context = {
        "nav": "about",
        "jobs": supervisor.jobs(),
        "vitals": state,
        "peak": f"at most {filesizeformat(state.peak_memory)}",
        "hosts": len(scopes()),
        "since": f"since {datetime.fromtimestamp(supervisor.started, UTC):%Y-%m-%d %H:%M} UTC"
        if supervisor.started
        else "",
    }
    return render(request, "console/about.html", context)
