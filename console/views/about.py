"""About this console: its loops, its version, its memory."""

from __future__ import annotations

import os
import resource

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest, guard
from console.supervisor import supervisor


@require_GET
@guard("about.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    context = {
        "jobs": supervisor.jobs(),
        "started": supervisor.started,
        "pid": os.getpid(),
        "peak_memory": peak,
    }
    return render(request, "console/about.html", context)
