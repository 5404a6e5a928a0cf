"""A transport that only spawns, with plain asyncio: enough for samplers, and free of what they must not depend on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from hosts.transport.base import Target


class ShellProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def read(self, limit: int = 65536) -> bytes:
        return await self.process.stdout.read(limit)

    async def write(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(data)
            await self.process.stdin.drain()

    async def stderr(self, limit: int = 65536) -> bytes:
        return b""

    async def wait(self) -> int:
        return await self.process.wait()

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        self.process._transport.close()  # first: with output that nobody takes, asyncio would wait for its end for ever
        await self.process.wait()


class ShellTransport:
    """Runs on this machine; with `prefix` behind a command that gets the argv."""

    def __init__(self, prefix: Sequence[str] = (), *, kind: str = "ssh") -> None:
        self.target = Target(id=1, name="shell", kind=kind)
        self.prefix = prefix
        self.spawned: list[ShellProcess] = []

    async def spawn(self, argv, *, pty=None, as_user=""):
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.spawned.append(ShellProcess(process))
        return self.spawned[-1]
