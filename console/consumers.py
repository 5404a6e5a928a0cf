"""The frame's own stream: changes of operations, as rows of a list, as one operation's page, and as toasts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.http import QueryDict
from django.template.loader import render_to_string

from console import operations
from console.models import Operation
from console.snapshots import snapshots
from console.streams import Stream

MOST = 200  # rows that are sent after a gap


class OperationsStream(Stream):
    """Parameters: those of the list's filters; `id` for one operation's page; `toasts` for toasts alone, which any page
    may have; `resume`: epoch seconds since when changes are sent."""

    seen: Q
    wanted: QueryDict

    async def authorise(self) -> None:
        """Everyone signed in may listen; they hear of what they may see."""
        self.wanted = QueryDict(self.scope["query_string"])
        self.seen = await sync_to_async(operations.visible)(self.user, self.rights)

    async def run(self) -> None:
        with snapshots.subscribe([(0, operations.TOPIC)]) as subscription:
            await self._catch_up()
            while True:
                changed = await subscription.changes()
                await self._tell(await self._read(Q(pk__in=changed[0, operations.TOPIC] or ())))

    async def _catch_up(self) -> None:
        try:
            since = datetime.fromtimestamp(float(str(self.wanted["resume"])), UTC)
        except (KeyError, ValueError, OverflowError):
            return
        await self._rows(await self._read(Q(asked__gte=since) | Q(ended__gte=since)))

    @sync_to_async
    def _read(self, which: Q) -> list[Operation]:
        return list(Operation.objects.filter(self.seen, which).order_by("-pk")[:MOST])

    async def _tell(self, changed: list[Operation]) -> None:
        await self._rows(changed)
        for operation in changed:
            if operation.actor_id == self.user.pk and not operation.is_open:
                await self._html("operations.html#toast", [operation])

    async def _rows(self, changed: list[Operation]) -> None:
        if "toasts" in self.wanted or not changed:
            return
        shown = await self._matching(changed)
        template = "operation.html#facts" if "id" in self.wanted else "operations.html#row"
        await self._html(template, [operation for operation in changed if operation.pk in shown])
        gone = [f"operation-{operation.pk}" for operation in changed if operation.pk not in shown]
        if gone:
            await self.send_message("remove", ids=gone)

    @sync_to_async
    def _matching(self, changed: Iterable[Operation]) -> set[int]:
        rows = Operation.objects.filter(pk__in=[operation.pk for operation in changed])
        return set(operations.search(rows, self.wanted.dict()).values_list("pk", flat=True))  # type: ignore[arg-type]

    async def _html(self, template: str, rows: Iterable[Operation]) -> None:
        html = "".join(render_to_string(f"console/{template}", {"operation": operation}) for operation in rows)
        if html:
            await self.send_message("html", html=html, resume=f"{time.time():.3f}")
