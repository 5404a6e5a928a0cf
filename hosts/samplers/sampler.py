"""The loop both samplers share: read, survey every 10 s, make samples of pairs of readings."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Protocol

from console.errors import Failed

from .pace import Pace
from .reading import Reading, Survey, sample_between
from .sample import Sample

SURVEY_EVERY = 10.0  # seconds
FIRST_PAIR = 0.3  # seconds between the first two readings: a page waits for them
MAX_UNREADABLE = 10  # readings in a row without sense


class Source(Protocol):
    """A host's counters."""

    async def read(self) -> Reading | None:
        """None when what came back makes no sense."""

    async def survey(self) -> Survey: ...


class Sampler:
    def __init__(self, source: Source, pace: Pace) -> None:
        self.source = source
        self.pace = pace
        self._survey = Survey()
        self._surveyed = float("-inf")
        self._unreadable = 0

    async def samples(self) -> AsyncGenerator[Sample, None]:
        before: Reading | None = None
        while True:
            await self._survey_when_due(time.monotonic())
            started = time.monotonic()
            now = await self._read()
            if before and now and now.uptime != before.uptime:
                yield sample_between(before, now, self._survey)
            first = before is None
            before = now or before
            await (Pace(FIRST_PAIR) if first and now else self.pace).wait(started)

    async def _read(self) -> Reading | None:
        reading = await self.source.read()
        self._unreadable = 0 if reading else self._unreadable + 1
        if self._unreadable >= MAX_UNREADABLE:
            raise Failed("the host's /proc cannot be read")
        return reading

    async def _survey_when_due(self, now: float) -> None:
        if now - self._surveyed < SURVEY_EVERY:
            return
        survey = await self.source.survey()
        self._survey = survey.since(self._survey, now - self._surveyed)
        self._surveyed = now
