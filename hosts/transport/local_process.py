"""A process of this machine, in a process group of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty as pty_module
import signal
import struct
import termios
from collections.abc import Mapping, Sequence

from hosts.transport.base import Pty
from hosts.transport.pipes import Descriptor

STDERR_KEPT = 64 * 1024
GRACE_SECONDS = 1.0


def set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class LocalProcess:
    """See `Process`. `kill` signals a process group that Vigie's user may not signal itself."""

    def __init__(self, process: asyncio.subprocess.Process, stdin: Descriptor, stdout: Descriptor) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._stderr_fd: Descriptor | None = None
        self._stderr = bytearray()
        self._terminal = stdin is stdout
        self._waiting: asyncio.Task[int] = asyncio.create_task(process.wait(), name=f"wait {process.pid}")

    @classmethod
    async def start(cls, argv: Sequence[str], env: Mapping[str, str], pty: Pty | None) -> LocalProcess:
        return await (cls._with_terminal(argv, env, pty) if pty else cls._with_pipes(argv, env))

    @classmethod
    async def _with_pipes(cls, argv: Sequence[str], env: Mapping[str, str]) -> LocalProcess:
        ends = [os.pipe(), os.pipe(), os.pipe()]
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = ends
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=in_read, stdout=out_write, stderr=err_write, env=dict(env), start_new_session=True
            )
        except BaseException:
            for fd in (in_write, out_read, err_read):
                os.close(fd)
            raise
        finally:
            for fd in (in_read, out_write, err_write):
                os.close(fd)
        self = cls(process, Descriptor(in_write), Descriptor(out_read))
        self._follow_stderr(Descriptor(err_read))
        return self

    @classmethod
    async def _with_terminal(cls, argv: Sequence[str], env: Mapping[str, str], pty: Pty) -> LocalProcess:
        ours, theirs = pty_module.openpty()
        set_size(theirs, pty.columns, pty.rows)
        command = ["setsid", "--ctty", *argv]  # the child leads no group yet, so that setsid does not fork
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=theirs, stdout=theirs, stderr=theirs, env={**env, "TERM": pty.term}
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        terminal = Descriptor(ours)
        return cls(process, terminal, terminal)

    def _follow_stderr(self, descriptor: Descriptor) -> None:
        self._stderr_fd = descriptor
        asyncio.get_running_loop().add_reader(descriptor.fd, self._read_stderr)

    def _read_stderr(self) -> None:
        """Always taken, so that a process never hangs on it; the newest is kept."""
        assert self._stderr_fd is not None
        try:
            data = os.read(self._stderr_fd.fd, 65536)
        except BlockingIOError:
            return
        self._stderr += data
        del self._stderr[:-STDERR_KEPT]
        if not data:
            self._stderr_fd.close()

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def read(self, limit: int = 65536) -> bytes:
        return await self._stdout.read(limit)

    async def write(self, data: bytes) -> None:
        await self._stdin.write(data)

    async def write_eof(self) -> None:
        if self._terminal:
            await self._stdin.write(b"\x04")
        else:
            self._stdin.close()

    async def stderr(self, limit: int = 65536) -> bytes:
        if self._stderr_fd is not None and self._stderr_fd.fd >= 0:
            self._read_stderr()
        return bytes(self._stderr[-limit:])

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal and self._stdout.fd >= 0:
            set_size(self._stdout.fd, columns, rows)

    async def wait(self) -> int:
        return await asyncio.shield(self._waiting)

    async def close(self) -> None:
        try:
            for number in (signal.SIGHUP if self._terminal else signal.SIGTERM, signal.SIGKILL):
                if not self.running:
                    break
                await self._signal(number)
                await asyncio.wait([self._waiting], timeout=GRACE_SECONDS)
        finally:
            for descriptor in (self._stdin, self._stdout, self._stderr_fd):
                if descriptor is not None:
                    descriptor.close()

    async def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:  # it became root by sudo
            argv = ["sudo", "-n", "--", "kill", f"-{number.value}", "--", f"-{self._process.pid}"]
            killer = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
            await killer.wait()
