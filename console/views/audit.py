"""The audit log, newest first, with the chain's verdict on request."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.db.models import Q
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
    wanted = {name: value for name in (*FILTERS, "q") if (value := request.GET.get(name))}
    rows = AuditEntry.objects.filter(**{name: wanted[name] for name in FILTERS if name in wanted})
    for word in wanted.get("q", "").split()[:8]:
        rows = rows.filter(Q(target__icontains=word) | Q(detail__icontains=word) | Q(ip__startswith=word))
    context = {
        "nav": "audit",
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "wanted": wanted,
        "choices": {
            name: AuditEntry.objects.order_by(name).values_list(name, flat=True).distinct() for name in FILTERS
        },
        "verdict": audit.verify() if "verify" in request.GET else None,
    }
    return render(request, "console/audit.html", context)
