"""A stream of one host's page: says whether the host answers, and hands on what changed in the page's topics."""

from __future__ import annotations

from django.template.loader import render_to_string

from console import operations
from console.errors import ConsoleError
from console.snapshots import snapshots
from console.streams import Stream
from hosts.access import host_of_stream
from hosts.models import Host
from hosts.watch import LINK, standing

Changes = dict[str, set[str] | None]


class HostStream(Stream):
    """`capability`: what the page needs. `name_of`: the route's argument that grants match by name, "" for none."""

    capability = "hosts.view"
    name_of = ""
    host: Host
    _trouble: ConsoleError | None = None  # as the page knows it

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
        topics = [LINK, operations.TOPIC, *self.topics()]
        with snapshots.subscribe([(self.host.pk, topic) for topic in topics]) as subscription:
            await self.send_link()
            await self.begin()
            while True:
                changes = {topic: ids for (_, topic), ids in (await subscription.changes()).items()}
                if LINK in changes or standing(self.host.pk, self.topics())["trouble"] is not self._trouble:
                    await self.send_link()
                await self._send_ends(changes.get(operations.TOPIC) or set())
                await self.changed({topic: ids for topic, ids in changes.items() if topic in topics[2:]})

    async def _send_ends(self, ids: set[str]) -> None:
        """A change that takes its time ends in a toast on the page that is open then."""
        for operation in await operations.late_ends(ids, self.user) if ids else []:
            html = render_to_string("console/operations.html#toast", {"operation": operation})
            await self.send_message("html", html=html)

    async def send_link(self) -> None:
        context = {"host": self.host, **standing(self.host.pk, self.topics())}
        self._trouble = context["trouble"]
        await self.send_message("html", html=render_to_string("hosts/link.html", context))
