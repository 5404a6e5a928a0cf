"""The overview, live: every host that the user may see, through one socket."""

from __future__ import annotations

import asyncio

from console.snapshots import Key, Subscription, snapshots
from console.streams import Stream
from hosts import overview
from hosts.access import visible_hosts
from hosts.models import Host
from hosts.overview_rows import row_html, totals_html

SETTLE = 0.15  # seconds: what changes together is sent together
LOOK = 2.0  # seconds between looks at which hosts there are
MOST_IN_A_FRAME = 100  # rows


class OverviewStream(Stream):
    """Sends a row when what it shows has changed, and the totals after it."""

    hosts: dict[int, Host]

    async def authorise(self) -> None:
        self.hosts = {host.pk: host for host in await visible_hosts(self.rights)}

    async def run(self) -> None:
        self._shown: dict[int, str] = {}
        self._totals = ""
        while True:
            keys: list[Key] = [(pk, topic) for pk in self.hosts for topic in overview.topics()]
            with snapshots.subscribe(keys) as subscription:
                await self._list()
                await self._follow(subscription)

    async def _list(self) -> None:
        """Everything, also what has gone since the page was rendered."""
        await self._send(set(self.hosts))
        await self.send_message("only", list="hosts-list", ids=[f"host:{pk}" for pk in self.hosts])
        self._shown = {pk: html for pk, html in self._shown.items() if pk in self.hosts}

    async def _follow(self, subscription: Subscription) -> None:
        """Until other hosts are to be seen."""
        listed = {pk: (host.name, host.group_names) for pk, host in self.hosts.items()}
        while listed == {pk: (host.name, host.group_names) for pk, host in self.hosts.items()}:
            try:
                async with asyncio.timeout(LOOK):
                    changes = await subscription.changes()
            except TimeoutError:
                continue
            await self._send({pk for pk, _ in changes})
            await asyncio.sleep(SETTLE)

    async def _send(self, ids: set[int]) -> None:
        rows = {pk: self._row(pk) for pk in ids if pk in self.hosts}
        changed = [html for pk, html in rows.items() if html != self._shown.get(pk)]
        self._shown |= rows
        for start in range(0, len(changed), MOST_IN_A_FRAME):
            await self.send_message("html", html="".join(changed[start : start + MOST_IN_A_FRAME]))
        await self._send_totals()

    def _row(self, pk: int) -> str:
        return row_html(overview.summary(self.hosts[pk]).seen_by(self.rights, self.hosts[pk]))

    async def _send_totals(self) -> None:
        seen = [overview.summary(host).seen_by(self.rights, host) for host in self.hosts.values()]
        if (html := totals_html(overview.totals(seen))) != self._totals:
            self._totals = html
            await self.send_message("html", html=html)
