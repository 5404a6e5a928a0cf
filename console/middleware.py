"""What every page has: headers that protect, a session that ends, errors that say what to do."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.contrib.auth import alogout
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import async_only_middleware

from console import audit, sessions
from console.access import client_ip, rights_of
from console.errors import ConsoleError, StorageFailed

logger = logging.getLogger(__name__)
Handler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


@async_only_middleware
def headers(get_response: Handler) -> Handler:
    """The outermost of all, so that refusals and errors have them too."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware


@async_only_middleware
class ConsoleMiddleware:
    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = await request.auser()
        if not user.is_authenticated:
            return await self.get_response(request)
        if await sessions.expired(request.session):
            await audit.arecord("session.expired", actor=user.get_username(), ip=client_ip(request))
            await alogout(request)
        else:
            await sessions.touch(request)
            request.user = request.actor = user  # type: ignore[attr-defined]  # known: templates need no query
            request.rights = await rights_of(user)  # type: ignore[attr-defined]
        return await self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, OperationalError):
            error = StorageFailed(str(error))
        return failed(request, error) if isinstance(error, ConsoleError) else None


def failed(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    """The page (or, for htmx, the fragment) that says what failed and what to do."""
    incident = uuid.uuid4().hex[:12]
    logger.warning("%s %s (%s): %s", request.method, request.path, incident, error, exc_info=error)
    template = "console/error.html#failed" if getattr(request, "htmx", False) else "console/error.html"
    return render(request, template, {"error": error, "incident": incident}, status=error.status)
