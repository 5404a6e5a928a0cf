"""A stream of one host's page: says whether the host answers, and hands on what changed in the page's topics."""

from __future__ import annotations

from django.template.loader import render_to_string

from console.snapshots import Key, snapshots
from console.streams import Stream
from hosts.access import host_of_stream
from hosts.models import Host
from hosts.watch import LINK, last_seen, link_of

Changes = dict[str, set[str] | None]


class HostStream(Stream):
    """`capability`: what the page needs. `name_of`: the route's argument that grants match by name, "" for none."""

    capability = "hosts.view"
    name_of = ""
    host: Host

    def topics(self) -> list[str]:
        """The topics of the host that the page shows."""
        return []

    async def begin(self) -> None:
        """Sent once, before the first change."""

    async def changed(self, changes: Changes) -> None:
        """Send what these changes (topic → ids, None for "anything") mean for the page."""

    @property
    def arguments(self) -> dict[str, str]:
        arguments: dict[str, str] = self.scope["url_route"]["kwargs"]
        return arguments

    async def authorise(self) -> None:
        name = self.arguments[self.name_of] if self.name_of else None
        self.host = await host_of_stream(self.arguments, self.rights, self.capability, name)

    async def run(self) -> None:
        link: Key = (self.host.pk, LINK)
        with snapshots.subscribe([link, *((self.host.pk, topic) for topic in self.topics())]) as subscription:
            await self.send_link()
            await self.begin()
            while True:
                changes = await subscription.changes()
                if link in changes:
                    await self.send_link()
                await self.changed({topic: ids for (_, topic), ids in changes.items() if topic != LINK})

    async def send_link(self) -> None:
        context = {"host": self.host, "link": link_of(self.host.pk), "seen": last_seen(self.host.pk)}
        await self.send_message("html", html=render_to_string("hosts/link.html", context))
