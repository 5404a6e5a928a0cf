"""A container's log, followed over restarts, lost engines and lost pages: nothing lost, nothing twice.

Podman tells times and takes `since` in whole seconds; so a place in a log is its last second and how many lines of that
second were read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from console.errors import InvalidInput, NoEngine, NotFound
from console.logtext import plain
from containers import watch
from containers.engine.base import LogLine
from containers.engines import engines
from containers.workloads import Workload

TAIL = 500  # lines shown of what there is already
BREATH = 500  # lines after which other work gets its turn
RETRY = 1.0  # seconds until the log of a container that ended, or of an engine that went, is opened again
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`text`: must be in the line; `stream`: "stdout", "stderr" or ""; `since`: epoch seconds."""

    text: str = ""
    stream: str = ""
    since: float | None = None

    def fits(self, line: LogLine) -> bool:
        if self.stream and line.stream != self.stream:
            return False
        return not self.text or self.text.lower().encode() in line.text.lower()


def parse_query(values: Mapping[str, str]) -> LogQuery:
    """`since` as the page's field gives it: local to UTC, "2026-11-25T04:00". Raises InvalidInput."""
    stream = values.get("stream", "")
    if stream not in {"", "stdout", "stderr"}:
        raise InvalidInput("A log's stream is stdout or stderr.")
    return LogQuery(values.get("text", "")[:LONGEST_TEXT], stream, _moment(values.get("since", "")))


def _moment(text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{text[:40]!r} is not a time.") from error


class Place:
    """How far a log was read. `mark` is its form for the page: "SECOND.COUNT"."""

    def __init__(self, mark: str = "") -> None:
        second, _, count = mark.partition(".")
        known = second.isdigit() and count.isdigit() and len(mark) < 40
        self.second, self.count = (int(second), int(count)) if known else (0, 0)
        self._again = 0  # lines of the last second that come once more

    @property
    def mark(self) -> str:
        return f"{self.second}.{self.count}" if self.second else ""

    def reopen(self) -> None:
        """The log is read again from the last second on."""
        self._again = self.count

    def takes(self, line: LogLine) -> bool:
        """Whether this line was not read before; it then is."""
        second = int(line.time or self.second)
        if second < self.second:
            return False
        if second > self.second:
            self.second, self.count, self._again = second, 1, 0
            return True
        if self._again:
            self._again -= 1
            return False
        self.count += 1
        return True


async def follow(
    workload: Workload, query: LogQuery, mark: str = ""
) -> AsyncGenerator[tuple[str, LogLine], None]:
    """(mark, line) without end. A container that ended, was removed, or whose engine went is waited for."""
    place = Place(mark)
    while True:
        async with aclosing(_read(workload, query, place, follow=True)) as lines:
            async for line in lines:
                yield place.mark, line
        async with aclosing(_read(workload, query, place, follow=False)) as lines:  # what the end left out
            async for line in lines:
                yield place.mark, line
        await _until_it_runs(workload)


async def _read(
    workload: Workload, query: LogQuery, place: Place, *, follow: bool
) -> AsyncGenerator[LogLine, None]:
    since = float(place.second) if place.second else query.since
    place.reopen()
    read = 0
    try:
        podman = await engines.get(workload.host_id, workload.owner)
        tail = TAIL if since is None else None
        async with podman.logs(workload.name, follow=follow, tail=tail, since=since) as lines:
            async for line in lines:
                read += 1
                if read % BREATH == 0:
                    await asyncio.sleep(0)
                if place.takes(line) and query.fits(line):
                    yield line
    except (NotFound, NoEngine):
        return


async def _until_it_runs(workload: Workload) -> None:
    while True:
        await asyncio.sleep(RETRY)
        try:
            now = watch.workload(workload.host_id, workload.kind, workload.owner, workload.name)
        except NotFound:
            continue
        if now.running:
            return


async def whole(workload: Workload, query: LogQuery) -> AsyncGenerator[bytes, None]:
    """All of the log that fits, as text to be kept: UTC time, stream, line."""
    podman = await engines.get(workload.host_id, workload.owner)
    async with podman.logs(workload.name, follow=False, tail=None, since=query.since) as lines:
        async for line in lines:
            if query.fits(line):
                yield _as_text(line)


def _as_text(line: LogLine) -> bytes:
    time = datetime.fromtimestamp(line.time, UTC).isoformat(timespec="seconds") if line.time else "-"
    return f"{time} {line.stream} {plain(line.text)}\n".encode("utf-8", "replace")
