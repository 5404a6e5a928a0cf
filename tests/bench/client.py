"""The cheapest clients there are: what is measured is the server."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from tests.browser.server import Served


@dataclass(frozen=True)
class Answer:
    """`sent`: bytes of the body as they came; `milliseconds`: from the request to the answer's last byte."""

    status: int
    body: bytes
    sent: int
    milliseconds: float


class Client:
    """One kept connection, signed in as `role` ("" for nobody)."""

    def __init__(self, served: Served, role: str = "admin") -> None:
        self._connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
        self._headers = {"Accept-Encoding": "gzip"}
        if role:
            self._headers["Cookie"] = f"vigie_session={served.sessions[role]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        plain = gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body
        return Answer(response.status, plain, len(body), took)


@dataclass
class Seen:
    """What the viewers were sent."""

    frames: int = 0
    bytes: int = 0
    ready: threading.Event = field(default_factory=threading.Event)


@contextmanager
def viewers(served: Served, path: str, number: int) -> Iterator[Seen]:
    """So many open live pages, as websockets that acknowledge and do nothing else, until the block ends."""
    seen, loop, stop = Seen(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_view(served, path, number, seen, stop)))
    thread.start()
    try:
        assert seen.ready.wait(20) or not number, "no frame came"
        yield seen
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _view(served: Served, path: str, number: int, seen: Seen, stop: asyncio.Event) -> None:
    headers = {"Origin": served.url, "Cookie": f"vigie_session={served.sessions['admin']}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        tasks = [asyncio.create_task(_listen(session, f"{served.url}{path}", seen)) for _ in range(number)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(session: aiohttp.ClientSession, url: str, seen: Seen) -> None:
    async with session.ws_connect(url) as socket:
        async for message in socket:
            seen.frames += 1
            seen.bytes += len(message.data)
            await socket.send_str(json.dumps({"ack": json.loads(message.data)["n"]}))
            seen.ready.set()
