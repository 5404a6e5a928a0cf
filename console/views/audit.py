"""The audit log, newest first, with the chain's verdict on request."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console import audit
from console.access import ConsoleRequest, guard
from console.models import AuditEntry
from console.views.filters import Filters

PAGE = 100
LABELS = {"action": "Action", "actor": "Who"}


@require_GET
@guard("audit.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    filters = Filters(request.GET, LABELS)
    page = Paginator(_search(filters.wanted), PAGE).get_page(request.GET.get("page"))
    verdict = audit.verify() if "verify" in request.GET else None
    context = {"nav": "audit", "page": page, "verdict": verdict, **filters.context(AuditEntry.objects.all())}
    return render(request, "console/audit.html", context)


def _search(wanted: dict[str, str]) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(**{name: wanted[name] for name in LABELS if name in wanted})
    for word in wanted.get("q", "").split()[:8]:
        rows = rows.filter(Q(target__icontains=word) | Q(detail__icontains=word) | Q(ip__startswith=word))
    return rows
