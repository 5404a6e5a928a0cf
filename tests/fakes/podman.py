"""A Podman behind a unix socket that says what a test wants: an old version, a broken one, one that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakePodman:
    """Answers are given by route without its /vN.0.0/libpod: ("GET", "/info") -> handler."""

    path: Path
    api: str = "5.4.2"
    routes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # "POST /v5.0.0/libpod/containers/web/stop?timeout=10"

    def answer(self, method: str, route: str, body: bytes | str = b"", status: int = 200) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=status, body=body.encode() if isinstance(body, str) else body)

        self.routes[method, route] = handler

    def stream(
        self, route: str, *pieces: bytes, broken: bool = False, endless: bool = False, silent: bool = False
    ) -> None:
        """A chunked answer; `broken` ends without the last chunk, `endless` repeats, `silent` says no more."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                for piece in pieces:
                    await response.write(piece)
                if not endless:
                    break
            if silent:
                await asyncio.sleep(60)
            if broken:
                hang_up(request)
            return response

        self.routes["GET", route] = handler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/libpod/_ping":
            if ping := self.routes.get(("GET", "/_ping")):
                return await ping(request)
            return web.Response(text="OK", headers={"Libpod-API-Version": self.api})
        self.asked.append(f"{request.method} {request.raw_path}")
        route = request.path.partition("/libpod")[2]
        handler = self.routes.get((request.method, route))
        if handler is None:
            refusal = {"cause": "no such container", "message": f"nothing at {route}", "response": 404}
            return web.json_response(refusal, status=404)
        return await handler(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakePodman]:
        # An answer that nobody waits for any more ends with its connection.
        runner = web.AppRunner(
            catch_all(self.handle), handle_signals=False, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        try:
            await web.UnixSite(runner, str(self.path)).start()
            yield self
        finally:
            await runner.cleanup()


def catch_all(handler: Handler) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", handler)
    return app


def hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


async def dropped(request: web.Request) -> web.StreamResponse:
    """The connection is lost instead of an answer."""
    hang_up(request)
    await asyncio.sleep(0)
    return web.Response()


async def silence(_: web.Request) -> web.StreamResponse:
    """No answer."""
    await asyncio.sleep(60)
    return web.Response()


@asynccontextmanager
async def dead_end(path: Path) -> AsyncIterator[None]:
    """A forwarded socket whose far end is missing: accepts, then closes."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(close, path):
        yield


def frame(stream: int, payload: bytes) -> bytes:
    """One frame of a multiplexed log."""
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload
