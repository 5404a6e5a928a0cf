"""Live rows of a host's workloads, and one workload's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from django.template.loader import render_to_string

from console.snapshots import snapshots
from containers import details, engine_states, watch
from containers.workload_rows import SYSTEM, dom_id, figures, row_html
from containers.workloads import Workload, with_stats
from hosts.consumers.base import Changes, HostStream

MOST_IN_A_FRAME = 200  # rows


class WorkloadsStream(HostStream):
    """Rows that changed since the page was rendered, and the figures of those that run."""

    capability = "workloads.view"

    def topics(self) -> list[str]:
        return [watch.TOPIC, watch.STATS]

    async def begin(self) -> None:
        watch.attend(self.host.pk)
        resume = parse_qs(self.scope["query_string"].decode()).get("resume", [""])[0]
        version = int(resume) if resume.isdigit() else -1
        await self.changed({watch.TOPIC: snapshots.changed_since(self.host.pk, watch.TOPIC, version)})

    async def changed(self, changes: Changes) -> None:
        snapshot = watch.snapshot(self.host.pk)
        if snapshot is None:
            return
        if watch.TOPIC in changes:
            await self._send_rows(snapshot.value.by_key, changes[watch.TOPIC])
            await self.send_message("seen", resume=str(snapshot.version))
        if watch.STATS in changes:
            await self._send_figures(snapshot.value.by_key)

    async def _send_rows(self, by_key: dict[str, Workload], keys: set[str] | None) -> None:
        """`keys` None: anything may have changed, the engines too."""
        rows = [by_key[key] for key in sorted(by_key if keys is None else keys) if key in by_key]
        seen = [row for row in rows if self.rights.allows(self.capability, self.host, row.name)]
        measured = with_stats(seen, watch.stats(self.host.pk))
        for start in range(0, len(measured), MOST_IN_A_FRAME):
            part = measured[start : start + MOST_IN_A_FRAME]
            await self.send_message("html", html="".join(row_html(self.host.name, row) for row in part))
        if keys is None:
            await self.send_message("only", list="workloads-list", ids=[dom_id(row) for row in seen])
            await self._send_notices(len(seen))
        elif gone := [f"workload:{key}" for key in keys if key not in by_key]:
            await self.send_message("remove", ids=gone)

    async def _send_notices(self, count: int) -> None:
        context = {"host": self.host, "engines": engine_states.shown(self.host), "count": count}
        await self.send_message("html", html=render_to_string("containers/list.html#notices", context))

    async def _send_figures(self, by_key: dict[str, Workload]) -> None:
        samples = watch.stats(self.host.pk)
        patch = {
            dom_id(row): figures(samples.get(row.engine_id or ""))
            for row in by_key.values()
            if row.engine_id in samples and self.rights.allows(self.capability, self.host, row.name)
        }
        if patch:
            await self.send_message("patch", patch=patch)


class WorkloadStream(HostStream):
    """One workload's page: its facts whenever it changes, its figures whenever they come."""

    capability = "workloads.view"
    name_of = "name"

    def topics(self) -> list[str]:
        return [watch.TOPIC, watch.STATS]

    def _row(self) -> Workload | None:
        wanted = self.arguments
        owner = "" if wanted["owner"] == SYSTEM else wanted["owner"]
        snapshot = watch.snapshot(self.host.pk)
        rows = snapshot.value.by_key.values() if snapshot else ()
        mine = (wanted["kind"], owner, wanted["name"])
        return next((row for row in rows if (row.kind, row.owner, row.name) == mine), None)

    async def begin(self) -> None:
        watch.attend(self.host.pk)
        self._shown: Workload | None = None
        await self.changed({watch.TOPIC: None})

    async def changed(self, changes: Changes) -> None:
        row = self._row()
        if watch.TOPIC in changes and row != self._shown:
            await self._send_facts(row)
        if watch.STATS in changes and row and (patch := details.live(row)):
            await self.send_message("patch", patch={"figures": patch})

    async def _send_facts(self, row: Workload | None) -> None:
        self._shown = row
        if row is None:
            await self.send_message("html", html=render_to_string("containers/workload.html#gone", {}))
            return
        context: dict[str, Any] = {"host": self.host, **await details.shown(self.host, row)}
        html = render_to_string("containers/workload.html#facts", context)
        await self.send_message("html", html=html)
