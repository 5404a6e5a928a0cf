"""systemd's jobs: started, and followed to their end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from console.errors import AnswerTimedOut, Disconnected
from hosts.dbus.bus import Bus, Signal
from hosts.dbus.systemd_names import MANAGER, NAME, PATH
from hosts.dbus.systemd_units import JobRemoved, event


class Jobs:
    """Runs jobs of one manager. It listens before the first is started: a short job ends at once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = asyncio.Lock()
        self._listening = False
        self._running = 0
        self._ended: dict[str, str] = {}  # results by job path, while somebody may still ask for them
        self._waiting: defaultdict[str, list[asyncio.Future[str]]] = defaultdict(list)

    async def run(self, member: str, signature: str, body: Sequence[Any], timeout: float) -> str:
        """The result of the job that the method `member` starts. Raises AnswerTimedOut, Disconnected."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        await self._listen()
        self._running += 1
        try:
            (path,) = await self._bus.call(NAME, PATH, MANAGER, member, signature, body, timeout, returns="o")
            return self._ended.get(path) or await self._end_of(path, deadline - loop.time())
        finally:
            self._running -= 1
            if not self._running:
                self._ended.clear()

    async def _listen(self) -> None:
        """Once a connection: the rule stays for the jobs to come."""
        async with self._lock:
            if not self._listening:
                await self._bus.subscribe(
                    self._receive, sender=NAME, interface=MANAGER, member="JobRemoved", path=PATH
                )
                self._listening = True

    def _receive(self, signal: Signal) -> None:
        ended = event(signal)
        if not isinstance(ended, JobRemoved) or not self._running:
            return
        self._ended[ended.path] = ended.result
        for future in self._waiting.pop(ended.path, ()):
            if not future.done():
                future.set_result(ended.result)

    async def _end_of(self, path: str, timeout: float) -> str:
        """Several may wait for one job: systemd merges equal ones."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[path].append(future)
        lost = asyncio.create_task(self._bus.wait_closed())
        try:
            pending: set[asyncio.Future[Any]] = {future, lost}
            await asyncio.wait(pending, timeout=max(timeout, 0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            self._forget(path, future)
        if future.done():
            return future.result()
        if self._bus.closed:
            raise Disconnected("The connection was lost while the job ran.")
        raise AnswerTimedOut("The job still runs.")

    def _forget(self, path: str, future: asyncio.Future[str]) -> None:
        waiting = self._waiting.get(path, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._waiting.pop(path, None)
