"""Workloads in the command palette."""

from __future__ import annotations

from collections.abc import Iterator

from console.access import Rights
from console.palette import Entry, source
from containers import watch
from containers.workload_rows import href


@source
def workloads(query: str, rights: Rights) -> Iterator[Entry]:
    """Those whose name, image or unit has the words; hosts by name."""
    words = query.split()
    if not words:
        return
    for host in watch.hosts():
        known = watch.snapshot(host.pk)
        for row in known.value.sorted() if known else ():
            text = f"{row.name} {row.image} {row.unit or ''} {host.name}".lower()
            if all(word in text for word in words) and rights.allows("workloads.view", host, row.name):
                hint = f"{row.kind} on {host.name}, {row.state}"
                yield Entry(row.name, hint, href(host.name, row), "workload")
