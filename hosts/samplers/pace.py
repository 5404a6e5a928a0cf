"""How often a host is sampled: it changes while the sampler runs."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Seconds between two samples: short while somebody watches, longer when nobody does."""

    WATCHED = 1.0
    UNWATCHED = 5.0

    def __init__(self, interval: float = UNWATCHED) -> None:
        self._interval = interval
        self._changed = asyncio.Event()

    @property
    def interval(self) -> float:
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        """Takes effect at once, also for a sampler that waits now."""
        self._interval = seconds
        self._changed.set()

    async def wait(self, since: float) -> None:
        """Returns one interval after `since` (Vigie's monotonic clock). A beat that is late is not made up for."""
        while (left := since + self._interval - time.monotonic()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return
