"""Follows one engine: list, then its events and statistics while somebody looks, else a list now and then.

An open event stream keeps `podman system service` alive on the host, so there is none without an audience. Events are
hints; the list is the truth.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from console.errors import Conflict, ConsoleError, Failed, Unsupported
from containers.engine.base import Container, ContainerStats, EngineGone
from containers.engine.podman import Podman
from containers.engines import Address, engines

logger = logging.getLogger(__name__)
SETTLE = 0.03  # seconds: a container that starts makes a handful of events
RELIST = 60.0  # seconds, against whatever was missed
LINGER = 10.0  # seconds that events are still followed after the last page has left
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts to reach an engine that does not answer
FEW = 50  # containers; more of them are measured less often
NOT_A_CHANGE = {"attach", "exec", "exec_create", "exec_start", "exec_died", "export", "sync", "top"}


class EngineWatch:
    """`changed()` is called after each list; `measured(samples)` with each sample; `attended()` says if anybody looks."""

    def __init__(
        self,
        host_id: int,
        address: Address,
        *,
        changed: Callable[[], None],
        measured: Callable[[str, tuple[ContainerStats, ...]], None],
        attended: Callable[[], bool],
    ) -> None:
        self.address = address
        self.containers: tuple[Container, ...] = ()
        self.error: ConsoleError | None = None
        self.reported = False
        self._host_id = host_id
        self._changed, self._measured, self._attended = changed, measured, attended
        self._wake = asyncio.Event()
        self._seen = 0.0  # monotonic: when somebody last looked

    def nudge(self) -> None:
        """Something may have changed: list now, and try at once to reach an engine that was away."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                podman = await engines.get(self._host_id, self.address.owner)
                await self._list(podman)
                pause = FIRST_PAUSE
                await self._follow(podman)
            except ConsoleError as error:
                self._report(error)
                await self._wait(pause * random.uniform(0.7, 1.0))  # noqa: S311  (jitter)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _report(self, error: ConsoleError | None) -> None:
        self.error, self.reported = error, True
        if error:
            self.containers = ()
        self._changed()

    async def _list(self, podman: Podman) -> float:
        """Returns how many seconds it took."""
        self._wake.clear()
        began = time.monotonic()
        self.containers = await podman.list()
        self._report(None)
        return time.monotonic() - began

    async def _follow(self, podman: Podman) -> None:
        """Ends with the error of whatever broke off."""
        while True:
            if self._looked_at():
                await self._with_streams(podman)
                await asyncio.sleep(FIRST_PAUSE)
                await self._list(
                    podman
                )  # a stream that ended says little: the list tells whether the engine is there
            else:
                await self._wait(RELIST * random.uniform(0.8, 1.2))  # noqa: S311  (jitter)
                await self._list(podman)

    def _looked_at(self) -> bool:
        if self._attended():
            self._seen = time.monotonic()
        return bool(self._seen) and time.monotonic() - self._seen < LINGER

    async def _with_streams(self, podman: Podman) -> None:
        streams = [self._start(self._hear(podman)), self._start(self._measure(podman))]
        try:
            relist = time.monotonic() + RELIST
            while self._looked_at() and not any(stream.done() for stream in streams):
                if await self._wait(LINGER / 2) or time.monotonic() > relist:
                    await asyncio.sleep(SETTLE)
                    took = await self._list(podman)
                    await asyncio.sleep(took)  # a host that is slow to list is asked less often
                    relist = time.monotonic() + RELIST
        finally:
            for stream in streams:
                stream.cancel()
            results = await asyncio.gather(*streams, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, EngineGone):
                raise result

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(
            work, name=f"host {self._host_id}: engine of {self.address.owner or 'system'}"
        )
        task.add_done_callback(lambda _: self._wake.set())
        return task

    async def _hear(self, podman: Podman) -> None:
        async with podman.events() as events:
            self._wake.set()  # what happened between the last list and now is in no event
            async for event in events:
                if event.action not in NOT_A_CHANGE:
                    self._wake.set()

    async def _measure(self, podman: Podman) -> None:
        """Where an engine cannot measure (no control groups), there are no figures; the list goes on."""
        try:
            async with podman.stats(1 if len(self.containers) <= FEW else 3) as samples:
                async for sample in samples:
                    self._measured(self.address.owner, sample)
        except (Failed, Unsupported, Conflict) as error:
            logger.info(
                "host %s: no statistics of %s: %s", self._host_id, self.address.owner or "system", error
            )
            await asyncio.Event().wait()

    async def _wait(self, seconds: float) -> bool:
        """Until nudged, at most so long. True when nudged."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True
