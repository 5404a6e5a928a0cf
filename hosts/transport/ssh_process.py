"""A process at the far end of an SSH channel."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable

import asyncssh

from console.errors import Disconnected

HIGH = 256 * 1024  # bytes unread here before the channel is paused
STDERR_KEPT = 64 * 1024
GRACE_SECONDS = 1.0


def signal_number(name: str) -> int:
    """SSH names signals without SIG; -N is the code of a process that one ended."""
    return getattr(signal, f"SIG{name}", signal.SIGKILL).value


class SshProcess(asyncssh.SSHClientSession[bytes]):
    """asyncssh calls the upper half; the lower half is `Process`. No task of its own."""

    def __init__(self, *, terminal: bool, on_end: Callable[[SshProcess], None]) -> None:
        self._channel: asyncssh.SSHClientChannel[bytes]
        self._opened = False
        self._terminal = terminal
        self._on_end = on_end
        self._unread: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._eof = False
        self._stderr = bytearray()
        self._code: int | None = None
        self._closing = False
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._ended = asyncio.Event()
        self._writable.set()

    # --- called by asyncssh ----------------------------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        self._opened = True

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._stderr += data
            del self._stderr[:-STDERR_KEPT]
        elif not self._closing:
            self._unread.append(data)
            self._size += len(data)
            self._hold_back()
            self._changed.set()

    def _hold_back(self) -> None:
        if self._size > HIGH and not self._paused:
            self._paused = True
            self._channel.pause_reading()

    def _let_go(self) -> None:
        if self._paused:
            self._paused = False
            self._channel.resume_reading()

    def eof_received(self) -> bool:
        self._eof = True
        self._changed.set()
        return True  # our side stays open for stdin

    def exit_status_received(self, status: int) -> None:
        self._code = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._code = -signal_number(signal)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if self._ended.is_set():
            return
        self._eof = True
        self._ended.set()
        self._changed.set()
        self._writable.set()
        self._on_end(self)

    def abandon(self) -> None:
        """Of a channel whose opening failed or was cancelled."""
        if self._opened:
            self._channel.abort()

    # --- Process ---------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    async def read(self, limit: int = 65536) -> bytes:
        while not self._unread:
            if self._eof:
                self._raise_if_lost()
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = self._take(limit)
        if self._size <= HIGH // 2:
            self._let_go()
        return data

    def _take(self, limit: int) -> bytes:
        chunk = self._unread.popleft()
        if len(chunk) > limit:
            self._unread.appendleft(chunk[limit:])
            chunk = chunk[:limit]
        self._size -= len(chunk)
        return chunk

    def _raise_if_lost(self) -> None:
        if self._ended.is_set() and self._code is None and not self._closing:
            raise Disconnected("the connection was lost while a command was running")

    async def write(self, data: bytes) -> None:
        await self._writable.wait()
        if not self._ended.is_set():
            try:
                self._channel.write(data)
            except (OSError, asyncssh.Error):
                return  # it ended a moment ago
        await self._writable.wait()

    async def write_eof(self) -> None:
        try:
            self._channel.write_eof()
        except (OSError, asyncssh.Error):
            return

    async def stderr(self, limit: int = 65536) -> bytes:
        return bytes(self._stderr[-limit:])

    def resize(self, columns: int, rows: int) -> None:
        if not self._ended.is_set():
            self._channel.change_terminal_size(columns, rows)

    async def wait(self) -> int:
        await self._ended.wait()
        self._raise_if_lost()
        return self._code if self._code is not None else -signal.SIGHUP

    async def close(self) -> None:
        if self._ended.is_set():
            return
        self._closing = True
        self._unread.clear()
        self._let_go()
        try:
            await self._end()
        finally:
            self._channel.abort()
            self._finish()

    async def _end(self) -> None:
        for name in ("HUP" if self._terminal else "TERM", "KILL"):
            try:
                self._channel.send_signal(name)
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._ended.wait()
                return
            except TimeoutError:
                continue
            except (OSError, asyncssh.Error):
                return  # the channel is closed already
