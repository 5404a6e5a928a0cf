"""A way to a host that does what the test says: it opens or fails, answers probes or not, is lost."""

from __future__ import annotations

import asyncio

from console.errors import ConsoleError
from hosts.transport.base import Target


class FakeWay:
    """One opened transport, as far as the pool uses it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.answers = asyncio.Event()
        self.answers.set()
        self.lost = asyncio.Event()
        self.closed = False

    async def probe(self) -> None:
        await self.answers.wait()

    async def wait_closed(self) -> None:
        await self.lost.wait()

    async def close(self) -> None:
        self.closed = True
        self.lost.set()


class FakeNetwork:
    """Opens ways. `error` fails every attempt while it is set; `gate` holds attempts back while it is cleared."""

    def __init__(self) -> None:
        self.error: ConsoleError | Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts = 0
        self.under_way = 0
        self.most = 0
        self.ways: list[FakeWay] = []

    async def open(self, target: Target) -> FakeWay:
        self.attempts += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.error is not None:
            raise self.error
        self.ways.append(FakeWay(target))
        return self.ways[-1]
