"""Follows a container's log into a page: the newest first under a flood, what was skipped is said."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from urllib.parse import parse_qsl

from console.logtext import clean
from console.streams import LineQueue
from containers import logs, watch
from containers.workload_rows import SYSTEM
from hosts.consumers.base import HostStream

TICK = 0.1  # seconds between frames
MOST_IN_A_FRAME = 150  # lines
MOST_WAITING = 600  # lines; older ones are dropped, and said


class LogStream(HostStream):
    """The address's query is the page's; `resume` is the mark of the last line that the page has."""

    capability = "workloads.logs"
    name_of = "name"

    async def run(self) -> None:
        values = dict(parse_qsl(self.scope["query_string"].decode()))
        place = self.arguments
        owner = "" if place["owner"] == SYSTEM else place["owner"]
        workload = watch.workload(self.host.pk, place["kind"], owner, place["name"])
        queue = LineQueue(MOST_WAITING)
        lines = logs.follow(workload, logs.parse_query(values), values.get("resume", ""))
        async with asyncio.TaskGroup() as group, aclosing(lines):
            group.create_task(self._show(queue))
            await self.send_link()
            async for mark, line in lines:
                queue.put((mark, line), len(line.text))

    async def _show(self, queue: LineQueue) -> None:
        while True:
            skipped, taken = await queue.take(MOST_IN_A_FRAME)
            lines = [[line.time, line.stream, clean(line.text)] for _, line in taken]
            await self.send_message("lines", resume=taken[-1][0], skipped=skipped, lines=lines)
            await asyncio.sleep(TICK)
