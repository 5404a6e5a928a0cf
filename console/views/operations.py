"""Every change: the list, one of them, and its cancelling. Rows of hosts that the user may not see do not exist."""

from __future__ import annotations

import time
from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console import operations
from console import undo as undoing
from console.access import ConsoleRequest, Scope, client_ip, guard, require, signed_in
from console.models import Operation
from console.views.filters import Filters

PAGE = 50
LABELS = {"state": "State", "host_name": "Host", "actor_name": "Who", "kind": "Kind"}


@require_GET
@signed_in
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    mine = Operation.objects.filter(operations.visible(request.actor, request.rights))
    filters = Filters(request.GET, LABELS)
    page = Paginator(operations.search(mine, filters.wanted), PAGE).get_page(request.GET.get("page"))
    context = {"nav": "operations", "page": page, "now": time.time(), **filters.context(mine)}
    return render(request, "console/operations.html", context)


@require_GET
@signed_in
async def detail(request: ConsoleRequest, operation_id: int) -> HttpResponse:
    seen = await sync_to_async(operations.visible)(request.actor, request.rights)
    operation = await aget_object_or_404(Operation.objects.filter(seen), pk=operation_id)
    scope = await operations.scope_of(operation)
    may_cancel = operation.is_open and request.rights.allows("operations.cancel", scope, operation.target)
    context = {
        "nav": "operations",
        "operation": operation,
        "may_cancel": may_cancel,
        "may_undo": undoing.can_be_undone(operation) and _may_undo(request, operation, scope),
        "question": f"Cancel {operation}?",
        "crumbs": [("Operations", "/operations/")],
        "now": time.time(),
    }
    return await sync_to_async(render)(request, "console/operation.html", context)


async def _fetch(kwargs: dict[str, Any]) -> tuple[Scope | None, str | None]:
    operation = await Operation.objects.filter(pk=kwargs.pop("operation_id")).afirst()
    if operation is None:
        raise Http404
    kwargs["operation"] = operation
    return await operations.scope_of(operation), operation.target


@require_POST
@guard("operations.cancel", _fetch)
async def cancel(request: ConsoleRequest, operation: Operation) -> HttpResponse:
    await operations.cancel(operation.pk, actor=request.actor, ip=client_ip(request))
    return redirect("operation", operation.pk)


def _may_undo(request: ConsoleRequest, operation: Operation, scope: Scope | None) -> bool:
    capability, name = undoing.needs(operation)
    return request.rights.allows(capability, scope, name)


@require_POST
@signed_in
async def undo(request: ConsoleRequest, operation_id: int) -> HttpResponse:
    seen = await sync_to_async(operations.visible)(request.actor, request.rights)
    operation = await aget_object_or_404(Operation.objects.filter(seen), pk=operation_id)
    capability, name = undoing.needs(operation)
    await require(request, capability, await operations.scope_of(operation), name)
    undone = await undoing.undo(operation, actor=request.actor, ip=client_ip(request))
    return redirect("operation", undone.pk)
