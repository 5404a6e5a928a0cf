"""Sockets that Vigie's login may not open itself: each connection gets a process on the host that opens it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from urllib.parse import quote

from console.errors import ConsoleError, Unsupported
from hosts.transport.base import Process

log = logging.getLogger(__name__)
CHUNK = 65536


def is_bus(path: str) -> bool:
    return PurePosixPath(path).name in ("system_bus_socket", "bus")


def bridge_argv(path: str) -> list[str]:
    """The command that joins its stdin and stdout to the socket at `path`. Raises Unsupported."""
    name = PurePosixPath(path).name
    if is_bus(path):
        # D-Bus escapes an address's value like a URL
        return ["systemd-stdio-bridge", "-p", f"unix:path={quote(path, safe='/-_.')}"]
    if name == "podman.sock":
        return ["podman", "--url", f"unix://{path}", "system", "dial-stdio"]
    if name == "docker.sock":
        return ["docker", "--host", f"unix://{path}", "system", "dial-stdio"]
    raise Unsupported(f"{path} cannot be reached through sudo")


class Bridge:
    """A unix server here whose every connection is piped, with back-pressure, to a process on the host."""

    def __init__(self, local_path: str, start: Callable[[], Awaitable[Process]]) -> None:
        self._local_path = local_path
        self._start = start
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Given up (cancelled), it leaves no socket that listens."""
        self._server = await asyncio.start_unix_server(
            self._accept, self._local_path, limit=CHUNK, start_serving=False
        )
        try:
            await self._server.start_serving()
        except BaseException:
            self._server.close()
            raise

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name=f"bridge {self._local_path}")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            process = await self._start()
            try:
                await self._join(process, reader, writer)
            finally:
                await process.close()
        except (ConsoleError, OSError) as error:
            log.info("bridge %s: %s", self._local_path, error)
        finally:
            writer.close()

    async def _join(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the host's side ends. The client's end of file is passed on."""
        sending = asyncio.create_task(self._send(process, reader), name="bridge send")
        try:
            while data := await process.read(CHUNK):
                writer.write(data)
                await writer.drain()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if code := await process.wait():
            said = (await process.stderr()).decode(errors="replace").strip()
            log.info("bridge %s ended with %d: %s", self._local_path, code, said[-300:])

    async def _send(self, process: Process, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            await process.write(data)
        await process.write_eof()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
