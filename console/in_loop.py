"""Django's own middlewares, run in the event loop. Written for either world, each would change to a thread and back twice
a request, which costs more than what they do; a thread is taken only where one of them reads or writes the database, or
has much to compress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.gzip import GZipMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.deprecation import MiddlewareMixin

MUCH = 32 * 1024  # bytes: beyond, to compress them takes longer than a thread's turn
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class InLoop(MiddlewareMixin):
    def needs_thread(self, request: HttpRequest, response: HttpResponseBase) -> bool:
        """Does `process_response` take long this time?"""
        return False

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before = getattr(self, "process_request", None)
        response: HttpResponseBase | None = before(request) if before else None
        if response is None:
            response = await self.get_response(request)  # type: ignore[misc]
        after: Callable[..., HttpResponseBase] | None = getattr(self, "process_response", None)
        if after is None:
            return response
        if self.needs_thread(request, response):
            return await sync_to_async(after)(request, response)
        return after(request, response)


class Security(InLoop, SecurityMiddleware):
    pass


class Common(InLoop, CommonMiddleware):
    pass


class Authentication(InLoop, AuthenticationMiddleware):
    pass


class Messages(InLoop, MessageMiddleware):
    """Messages wait in a cookie (settings.MESSAGE_STORAGE)."""


class Frames(InLoop, XFrameOptionsMiddleware):
    pass


class Compression(InLoop, GZipMiddleware):
    def needs_thread(self, request: HttpRequest, response: HttpResponseBase) -> bool:
        return not response.streaming and len(response.content) > MUCH  # type: ignore[attr-defined]


class Sessions(InLoop, SessionMiddleware):
    def needs_thread(self, request: HttpRequest, response: HttpResponseBase) -> bool:
        return bool(request.session.modified)


class Csrf(InLoop, CsrfViewMiddleware):
    async def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> Any:  # type: ignore[override]
        """Of a POST the form is read, which may be large."""
        check = super().process_view
        if request.method in SAFE:
            return check(request, callback, args, kwargs)
        return await sync_to_async(check)(request, callback, args, kwargs)
