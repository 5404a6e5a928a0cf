"""Django's ASGI handler, with threads that are kept from request to request."""

from __future__ import annotations

from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django import setup
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

KEPT = 8  # idle threads, each with its database connection; more are made as requests need them


class Handler(ASGIHandler):
    """Django itself starts a thread a request, and the thread opens a database connection: 2 ms before the view runs."""

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[ThreadSensitiveContext] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        context = self._idle.pop() if self._idle else ThreadSensitiveContext()
        token = SyncToAsync.thread_sensitive_context.set(context)
        try:
            await self.handle(scope, receive, send)
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            self._put_back(context)

    def _put_back(self, context: ThreadSensitiveContext) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(context)
        elif thread := SyncToAsync.context_to_thread_executor.pop(context, None):
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)


def get_handler() -> Handler:
    setup(set_prefix=False)
    return Handler()
