"""What every page has: a session that ends, headers that protect, errors that say what to do."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable

from django.contrib.auth import alogout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import async_only_middleware

from console import sessions
from console.errors import ConsoleError

logger = logging.getLogger(__name__)
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@async_only_middleware
class ConsoleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = await request.auser()
        if user.is_authenticated:
            if await sessions.expired(request.session):
                await alogout(request)
            else:
                await sessions.touch(request.session)
        response = await self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ConsoleError):
            return None
        incident = uuid.uuid4().hex[:12]
        logger.warning("%s %s (%s): %s", request.method, request.path, incident, error, exc_info=error)
        template = "console/error.html#failed" if getattr(request, "htmx", False) else "console/error.html"
        return render(request, template, {"error": error, "incident": incident}, status=error.status)
