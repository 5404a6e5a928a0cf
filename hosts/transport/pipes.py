"""Reading and writing a file descriptor from the event loop, exactly as much as is asked for: nothing is buffered."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable


class Descriptor:
    """A non-blocking end of a pipe or terminal. Safe to close twice."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._waiting: set[asyncio.Future[None]] = set()
        os.set_blocking(fd, False)

    async def read(self, limit: int) -> bytes:
        """b"" at the end. A terminal whose processes are gone says EIO."""
        while self.fd >= 0:
            try:
                return os.read(self.fd, limit)
            except BlockingIOError:
                loop = asyncio.get_running_loop()
                await self._ready(loop.add_reader, loop.remove_reader)
            except OSError as error:
                if error.errno == errno.EIO:
                    return b""
                raise
        return b""

    async def write(self, data: bytes) -> None:
        """Bytes for an end that nobody reads any more are dropped."""
        view = memoryview(data)
        while view and self.fd >= 0:
            try:
                view = view[os.write(self.fd, view) :]
            except BlockingIOError:
                loop = asyncio.get_running_loop()
                await self._ready(loop.add_writer, loop.remove_writer)
            except (BrokenPipeError, OSError):
                return

    async def _ready(self, add: Callable[..., None], remove: Callable[[int], object]) -> None:
        fd, future = self.fd, asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        add(fd, self._wake, future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if self.fd == fd:
                remove(fd)

    @staticmethod
    def _wake(future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)

    def close(self) -> None:
        if self.fd < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.fd)
        loop.remove_writer(self.fd)
        os.close(self.fd)
        self.fd = -1
        for future in self._waiting:
            self._wake(future)
