"""What Ctrl-K finds: each app adds a source that lists what the user may see."""

from __future__ import annotations

from django.http import JsonResponse
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest, signed_in
from console.palette import search as find


@require_GET
@signed_in
async def search(request: ConsoleRequest) -> JsonResponse:
    query = request.GET.get("q", "")[:100]
    return JsonResponse({"results": find(query, request.rights)})
