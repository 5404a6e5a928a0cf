"""The frame's own stream: changes of operations, as rows of their list, and toasts to who asked for them."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.template.loader import render_to_string

from console import operations
from console.models import Operation
from console.snapshots import snapshots
from console.streams import Stream


class OperationsStream(Stream):
    seen: Q

    async def authorise(self) -> None:
        """Everyone signed in may listen; they hear of what they may see."""
        self.seen = await sync_to_async(operations.visible)(self.user, self.rights)

    async def run(self) -> None:
        with snapshots.subscribe([(0, operations.TOPIC)]) as subscription:
            while True:
                changed = await subscription.changes()
                await self._send(changed[0, operations.TOPIC] or set())

    async def _send(self, ids: set[str]) -> None:
        async for operation in Operation.objects.filter(self.seen, pk__in=ids).order_by("pk"):
            html = render_to_string("console/operations.html#row", {"operation": operation})
            await self.send_message("html", html=html)
            if operation.actor_id == self.user.pk and not operation.is_open:
                await self._toast(operation)

    async def _toast(self, operation: Operation) -> None:
        html = render_to_string("console/operations.html#toast", {"operation": operation})
        await self.send_message("toast", html=html)
