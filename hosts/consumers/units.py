"""Live rows of the units page."""

from __future__ import annotations

from urllib.parse import parse_qs

from console.snapshots import snapshots
from hosts import units
from hosts.consumers.base import Changes, HostStream
from hosts.unit_rows import row_html

MOST_IN_A_FRAME = 200  # rows


class UnitsStream(HostStream):
    """The page says which version of the list it was rendered from (`?resume=`), and is sent what changed since."""

    capability = "units.view"

    @property
    def manager(self) -> str:
        return self.arguments.get("manager", "")

    def topics(self) -> list[str]:
        return [units.topic_of(self.manager)]

    async def run(self) -> None:
        async with units.watched(self.host.pk, self.manager):
            await super().run()

    async def begin(self) -> None:
        resume = parse_qs(self.scope["query_string"].decode()).get("resume", [""])[0]
        version = int(resume) if resume.isdigit() else -1
        topic = units.topic_of(self.manager)
        await self.changed({topic: snapshots.changed_since(self.host.pk, topic, version)})

    async def changed(self, changes: Changes) -> None:
        snapshot = units.snapshot(self.host.pk, self.manager)
        if snapshot is None:
            return
        by_name = snapshot.value.by_name
        for ids in changes.values():
            names = sorted(name for name in (by_name if ids is None else ids) if self._may_see(name))
            for start in range(0, len(names), MOST_IN_A_FRAME):
                await self._send(by_name, names[start : start + MOST_IN_A_FRAME])
            await self.send_message("seen", resume=str(snapshot.version))

    def _may_see(self, name: str) -> bool:
        return self.rights.allows("units.view", self.host, name)

    async def _send(self, by_name: dict[str, units.Unit], names: list[str]) -> None:
        rows = [row_html(self.host.name, self.manager, by_name[name]) for name in names if name in by_name]
        gone = [f"unit:{name}" for name in names if name not in by_name]
        if rows:
            await self.send_message("html", html="".join(rows))
        if gone:
            await self.send_message("remove", ids=gone)
