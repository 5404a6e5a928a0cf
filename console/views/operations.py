"""Every change: the list, one of them, and its cancelling. Rows of hosts that the user may not see do not exist."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console import operations
from console.access import ConsoleRequest, client_ip, guard
from console.models import Operation

PAGE = 50
FILTERS = ("state", "host_name", "actor_name", "kind")


@require_GET
@guard("operations.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    wanted = {name: value for name in FILTERS if (value := request.GET.get(name))}
    page = Paginator(Operation.objects.filter(**wanted), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page, "wanted": wanted, "states": Operation.State.values}
    return render(request, "console/operations.html", context)


@require_GET
@guard("operations.view")
async def detail(request: ConsoleRequest, operation_id: int) -> HttpResponse:
    operation = await aget_object_or_404(Operation, pk=operation_id)
    return render(request, "console/operation.html", {"operation": operation})


@require_POST
@guard("operations.cancel")
async def cancel(request: ConsoleRequest, operation_id: int) -> HttpResponse:
    if not await Operation.objects.filter(pk=operation_id).aexists():
        raise Http404
    await operations.cancel(operation_id, actor=request.actor, ip=client_ip(request))
    return redirect("operation", operation_id)
