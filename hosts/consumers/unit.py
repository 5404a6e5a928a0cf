"""One unit's page, live: its head as soon as its row changes, its panels when their content has."""

from __future__ import annotations

from hosts import unit_details, unit_panels, units
from hosts.consumers.base import Changes, HostStream
from hosts.unit_panels import Subject


class UnitStream(HostStream):
    capability = "units.view"
    name_of = "unit"

    @property
    def manager(self) -> str:
        return self.arguments.get("manager", "")

    @property
    def unit(self) -> str:
        return self.arguments["unit"]

    def topics(self) -> list[str]:
        return [units.topic_of(self.manager), unit_details.topic_of(self.manager, self.unit)]

    async def run(self) -> None:
        async with (
            units.watched(self.host.pk, self.manager),
            unit_details.followed(self.host.pk, self.manager, self.unit),
        ):
            await super().run()

    async def begin(self) -> None:
        self._sent: dict[str, str] = {}
        await self.changed(dict.fromkeys(self.topics()))

    async def changed(self, changes: Changes) -> None:
        subject = Subject(self.host, self.manager, self.unit)
        listed, own = self.topics()
        rows = changes.get(listed, set())
        if own in changes or rows is None or self.unit in rows:
            await self._send("head", unit_panels.head(subject, self.rights))
        if own in changes and subject.known:
            if not self._sent.get("facts"):  # the page may have been made before anything was known
                await self._send("body", unit_panels.body(subject, self.rights))
            for name, html in unit_panels.panels(subject, self.rights).items():
                await self._send(name, html)

    async def _send(self, panel: str, html: str) -> None:
        if self._sent.get(panel) != html:
            self._sent[panel] = html
            await self.send_message("html", html=html)
