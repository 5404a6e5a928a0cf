"""Every change: the list, one of them, and its cancelling. Rows of hosts that the user may not see do not exist."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console import operations
from console.access import ConsoleRequest, Scope, client_ip, guard, signed_in
from console.models import Operation

PAGE = 50
FILTERS = ("state", "host_name", "actor_name", "kind")
SEARCHED = ("target", "verb", "call", "shell", "result", "error", "actor_name", "host_name")


@require_GET
@signed_in
async def index(request: ConsoleRequest) -> HttpResponse:
    return await sync_to_async(_index)(request)


def _index(request: ConsoleRequest) -> HttpResponse:
    mine = Operation.objects.filter(operations.visible(request.actor, request.rights))
    wanted = {name: value for name in (*FILTERS, "q") if (value := request.GET.get(name))}
    page = Paginator(_filtered(mine, wanted), PAGE).get_page(request.GET.get("page"))
    template = (
        "console/operations.html#rows" if request.GET.get("part") == "rows" else "console/operations.html"
    )
    context: dict[str, Any] = {"nav": "operations", "page": page, "wanted": wanted, "choices": _choices(mine)}
    return render(request, template, context)


def _filtered(rows: QuerySet[Operation], wanted: dict[str, str]) -> QuerySet[Operation]:
    rows = rows.filter(**{name: wanted[name] for name in FILTERS if name in wanted})
    for word in wanted.get("q", "").split()[:8]:
        rows = rows.filter(Q(*[(f"{field}__icontains", word) for field in SEARCHED], _connector=Q.OR))
    return rows


def _choices(rows: QuerySet[Operation]) -> dict[str, list[str]]:
    """What the filters offer: what there is."""
    found = {name: rows.order_by(name).values_list(name, flat=True).distinct()[:500] for name in FILTERS}
    return {name: [value for value in values if value] for name, values in found.items()}


@require_GET
@signed_in
async def detail(request: ConsoleRequest, operation_id: int) -> HttpResponse:
    seen = await sync_to_async(operations.visible)(request.actor, request.rights)
    operation = await aget_object_or_404(Operation.objects.filter(seen), pk=operation_id)
    scope = await operations.scope_of(operation)
    may_cancel = operation.is_open and request.rights.allows("operations.cancel", scope, operation.target)
    context = {"nav": "operations", "operation": operation, "may_cancel": may_cancel}
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
