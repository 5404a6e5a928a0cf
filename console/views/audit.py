"""The audit log, newest first, with the chain's verdict on request."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console import audit
from console.access import ConsoleRequest, guard
from console.models import AuditEntry

PAGE = 100
FILTERS = ("actor", "action")


@require_GET
@guard("audit.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    wanted = {name: value for name in FILTERS if (value := request.GET.get(name))}
    page = Paginator(AuditEntry.objects.filter(**wanted), PAGE).get_page(request.GET.get("page"))
    verdict = audit.verify() if "verify" in request.GET else None
    return render(request, "console/audit.html", {"page": page, "wanted": wanted, "verdict": verdict})
