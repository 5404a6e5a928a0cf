"""Follows a host's journal into a page: newest first under a flood, what was skipped is said, resumed at the cursor."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from urllib.parse import parse_qsl

from console.streams import Denied, LineQueue, Stream
from hosts import journal
from hosts.access import host_of_stream

TICK = 0.1  # seconds between frames
MOST_IN_A_FRAME = 150  # entries; beyond what anybody can read as they pass
MOST_WAITING = 600  # entries; older ones are dropped, and said


class JournalStream(Stream):
    """The address's query is the page's; `resume` is the cursor of the last entry that the page has."""

    async def authorise(self) -> None:
        self.host = await host_of_stream(self.scope["url_route"]["kwargs"], self.rights, "journal.view")
        self._values = dict(parse_qsl(self.scope["query_string"].decode()))
        self._query = journal.parse_query(self._values)
        if not journal.may_read(self.rights, self.host, self._query):
            raise Denied

    async def run(self) -> None:
        queue = LineQueue(MOST_WAITING)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(queue))
            group.create_task(self._show(queue))

    async def _read(self, queue: LineQueue) -> None:
        async with aclosing(journal.follow(self.host, self._query, self._values.get("resume", ""))) as entries:
            async for entry in entries:
                queue.put(entry, len(entry.message))

    async def _show(self, queue: LineQueue) -> None:
        while True:
            skipped, entries = await queue.take(MOST_IN_A_FRAME)
            frame = {"skipped": skipped, "entries": [journal.as_row(entry) for entry in entries]}
            await self.send_message("entries", resume=entries[-1].cursor, **frame)
            await asyncio.sleep(TICK)
