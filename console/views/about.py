"""About this console: its loops, its version, its memory."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console import vitals
from console.access import ConsoleRequest, guard
from console.supervisor import supervisor


@require_GET
@guard("about.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    context = {"nav": "about", "jobs": supervisor.jobs(), "vitals": vitals.read()}
    return await sync_to_async(render)(request, "console/about.html", context)
