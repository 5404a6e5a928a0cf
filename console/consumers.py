"""The frame's own stream: changes of operations, as rows and toasts."""

from __future__ import annotations

from django.template.loader import render_to_string

from console.models import Operation
from console.operations import TOPIC
from console.snapshots import snapshots
from console.streams import Denied, Stream


class OperationsStream(Stream):
    async def authorise(self) -> None:
        if not self.rights.allows("operations.view"):
            raise Denied

    async def run(self) -> None:
        with snapshots.subscribe([(0, TOPIC)]) as subscription:
            while True:
                changed = await subscription.changes()
                await self._send(changed[0, TOPIC] or set())

    async def _send(self, ids: set[str]) -> None:
        async for operation in Operation.objects.filter(pk__in=ids):
            html = render_to_string("console/operations.html#row", {"operation": operation})
            mine = operation.actor_id == self.user.pk
            await self.send_message("html", html=html, toast=mine and not operation.is_open)
