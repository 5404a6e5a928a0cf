"""Live rows of the timers page."""

from __future__ import annotations

from django.template.loader import render_to_string

from hosts import timers, units
from hosts.consumers.base import Changes, HostStream
from hosts.timers import Timer
from hosts.unit_rows import base


class TimersStream(HostStream):
    capability = "units.view"

    @property
    def manager(self) -> str:
        return self.arguments.get("manager", "")

    def topics(self) -> list[str]:
        return [timers.topic_of(self.manager)]

    async def run(self) -> None:
        async with units.watched(self.host.pk, self.manager), timers.followed(self.host.pk, self.manager):
            await super().run()

    async def begin(self) -> None:
        await self.changed(dict.fromkeys(self.topics()))

    async def changed(self, changes: Changes) -> None:
        for ids in changes.values():
            seen = [t for t in timers.listed(self.host.pk, self.manager) if self._may_see(t.name)]
            rows = [self._row(timer) for timer in seen if ids is None or timer.name in ids]
            if rows:
                await self.send_message("html", html="".join(rows))
            if seen:
                await self.send_message(
                    "only", list="timers-list", ids=[f"timer:{timer.name}" for timer in seen]
                )

    def _may_see(self, name: str) -> bool:
        return self.rights.allows("units.view", self.host, name)

    def _row(self, timer: Timer) -> str:
        context = {"timer": timer, "base": base(self.host.name, self.manager)}
        return render_to_string("hosts/timers.html#row", context)
