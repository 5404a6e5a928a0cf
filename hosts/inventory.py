"""What a host is (its Facts), read when it comes online and every few minutes after."""

from __future__ import annotations

import asyncio
import random

from console.errors import NoSystemd
from console.snapshots import snapshots
from hosts.connections import Connection
from hosts.facts import Facts, read_facts
from hosts.watch import topic

FACTS = "facts"
AGAIN = 300.0  # seconds
_asked: dict[int, asyncio.Event] = {}


@topic(FACTS)
async def watch(connection: Connection) -> None:
    asked = _asked[connection.host_id] = asyncio.Event()
    while True:
        facts = await read_facts(connection.transport)
        snapshots.put(connection.host_id, FACTS, facts)
        if facts.systemd is None:
            raise NoSystemd
        asked.clear()
        try:
            async with asyncio.timeout(AGAIN * random.uniform(0.8, 1.2)):  # noqa: S311  (jitter)
                await asked.wait()
        except TimeoutError:
            continue


def refresh(host_id: int) -> None:
    """Something was changed that facts tell of (a name, a time zone): read them anew now."""
    if host_id in _asked:
        _asked[host_id].set()


def facts_of(host_id: int) -> Facts | None:
    snapshot = snapshots.get(host_id, FACTS)
    return snapshot.value if snapshot else None
