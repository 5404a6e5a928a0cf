"""Owns every loop of the process: starts it, restarts it with backoff, stops it, names it, shows it.

All of it lives in the one event loop that Daphne runs. Apps register services in AppConfig.ready().
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY = 10.0  # seconds: a loop that ran so long is well again
Factory = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Job:
    """A loop as the page "About this console" shows it. Times are epoch seconds."""

    name: str
    task: asyncio.Task[None]
    started: float = field(default_factory=time.time)
    restarts: int = 0
    error: str = ""
    waiting: bool = False  # between a failure and the next start

    @property
    def state(self) -> str:
        return "ended" if self.task.done() else "waiting" if self.waiting else "running"


class Supervisor:
    def __init__(self) -> None:
        self._services: dict[str, Factory] = {}
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.started: float | None = None

    def service(self, name: str, factory: Factory) -> None:
        """Register a loop that runs as long as the process does."""
        self._services[name] = factory

    async def start(self) -> None:
        self.started = time.time()
        for name, factory in self._services.items():
            self.keep(name, factory)

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        tasks = [job.task for job in self._jobs.values()] + list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._jobs.clear()
        self.started = None

    def jobs(self) -> list[Job]:
        return sorted(self._jobs.values(), key=lambda job: job.name)

    def keep(self, name: str, factory: Factory, *, longest: float = LONGEST_PAUSE) -> None:
        """Run a loop; when it raises or returns, run it again after a pause, of at most `longest` seconds."""
        if name in self._jobs and not self._jobs[name].task.done():
            return
        task = asyncio.get_running_loop().create_task(self._keep(name, factory, longest), name=name)
        self._jobs[name] = Job(name, task)

    async def drop(self, name: str) -> None:
        """Stop a loop that `keep` started."""
        job = self._jobs.pop(name, None)
        if job:
            job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something once, owned, so that it is neither lost nor left behind."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s failed", task.get_name(), exc_info=error)

    async def _keep(self, name: str, factory: Factory, longest: float) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            error = await self._run(name, factory)
            job = self._jobs[name]
            job.error, job.waiting = error, True
            if time.monotonic() - began > STEADY:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jitter)
            pause = min(pause * 2, longest)
            job.restarts, job.waiting = job.restarts + 1, False

    async def _run(self, name: str, factory: Factory) -> str:
        began = time.monotonic()
        try:
            await factory()
        except Exception as error:  # whatever a loop dies of, it is shown and the loop is started again
            said = str(error) or type(error).__name__
            # The same at every attempt (a host without D-Bus) would fill the log.
            repeated = self._jobs[name].error == said and time.monotonic() - began < STEADY
            level = logging.DEBUG if repeated else logging.WARNING
            logger.log(level, "%s stopped: %s", name, said, exc_info=not hasattr(error, "code"))
            return said
        return ""


supervisor = Supervisor()
