"""Servers that are no good sshd: silent, rude, or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[int]:
    """A TCP server's port on 127.0.0.1. It sends `answer` and closes; with None it says nothing and holds on."""
    held: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        if answer is not None:
            writer.write(answer)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in held:
            writer.close()


async def closed_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    async with server(b"") as port:
        pass
    return port
