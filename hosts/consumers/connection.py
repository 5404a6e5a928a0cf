"""Tells the connection page when the way to the host is another than before; the page then asks for what can be done."""

from __future__ import annotations

from hosts.consumers.base import HostStream


class ConnectionStream(HostStream):
    capability = "hosts.manage"

    async def send_link(self) -> None:
        await super().send_link()
        await self.send_message("steps")
