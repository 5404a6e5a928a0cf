"""The page of one host, live: a frame a sample, and the panels whose content has changed."""

from __future__ import annotations

from urllib.parse import parse_qs

from hosts import gauges, host_panels, sampling, top, units
from hosts.consumers.base import Changes, HostStream
from hosts.inventory import FACTS


class HostPageStream(HostStream):
    """`?resume=`: the time of the newest sample that the page has, and the layout it was rendered for."""

    def topics(self) -> list[str]:
        return host_panels.TOPICS + [topic for guest in host_panels.guests for topic in guest.topics]

    async def begin(self) -> None:
        resume = parse_qs(self.scope["query_string"].decode()).get("resume", [""])[0]
        seen, _, self._layout = resume.partition(" ")
        self._seen = float(seen) if seen.replace(".", "", 1).isdigit() else 0.0
        self._sent: dict[str, str] = {}
        sampling.adjust(self.host.pk)
        top.wanted(self.host.pk)
        for guest in host_panels.guests:
            guest.begin(self.host.pk)
        await self.changed(dict.fromkeys(self.topics()))

    async def changed(self, changes: Changes) -> None:
        if sampling.METRICS in changes:
            await self._send_sample()
        if changes.keys() & {sampling.METRICS, FACTS, units.topic_of("")}:
            await self._send("health", host_panels.health_of(self.host, self.rights))
        if FACTS in changes:
            await self._send("identity", host_panels.identity_of(self.host))
        if top.TOP in changes:
            await self._send("top", host_panels.top_of(self.host, self.rights))

        for guest in host_panels.guests:
            if changes.keys() & set(guest.topics):
                await self._send(guest.name, guest.html(self.host, self.rights))

    async def send_link(self) -> None:
        await super().send_link()
        await self.send_message("html", html=host_panels.state_of(self.host))

    async def _send(self, panel: str, html: str) -> None:
        if html and self._sent.get(panel) != html:
            self._sent[panel] = html
            await self.send_message("html", html=html)

    async def _send_sample(self) -> None:
        """What was missed first (a hidden page, a lost line), then the newest."""
        sample = sampling.newest(self.host.pk)
        if sample is None or sample.seen <= self._seen:
            return
        for points in gauges.missed(self.host.pk, self._seen) if self._seen else []:
            await self.send_message("sample", samples=points)
        if (layout := gauges.layout(sample)) != self._layout:
            self._layout = layout
            await self.send_message("html", html=host_panels.gauges_html(self.host.pk, sample))
        self._seen = sample.seen
        await self.send_message("sample", **gauges.frame(self.host.pk, sample))
