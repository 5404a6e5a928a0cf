"""A transport that only spawns, with plain asyncio: enough for samplers, and free of what they must not depend on."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence

from hosts.transport.base import Completed, Target


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
        await self.process.wait()
        self.process._transport.close()


class ShellTransport:
    """Runs on this machine; with `prefix` behind a command that gets the argv as one quoted word (ssh) or as it is."""

    def __init__(self, prefix: Sequence[str] = (), *, quote: bool = False, kind: str = "ssh") -> None:
        self.target = Target(id=1, name="shell", kind=kind)
        self.prefix = prefix
        self.quote = quote
        self.spawned: list[ShellProcess] = []

    async def run(self, argv, *, stdin=b"", timeout=30.0, limit=0, as_user=""):
        process = await self.spawn(argv)
        async with asyncio.timeout(timeout):
            stdout, _ = await process.process.communicate(stdin)
        return Completed(process.process.returncode, stdout, b"")

    async def spawn(self, argv, *, pty=None, as_user=""):
        words = [shlex.join(argv)] if self.quote else list(argv)
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self.spawned.append(ShellProcess(process))
        return self.spawned[-1]


def over_ssh(address: str, key_path: str, *, user: str = "root", port: int = 22) -> ShellTransport:
    """By the ssh command, to a host of the lab."""
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes")
    words = [word for option in options for word in ("-o", option)]
    return ShellTransport(["ssh", "-i", key_path, "-p", str(port), *words, f"{user}@{address}"], quote=True)
