"""Watches every host: one connection each, and on it one list + watch + relist loop a topic, while it is online.

A topic's loop subscribes first, then lists, puts the snapshot, and follows. It returns or raises after any gap and is
started again, so that a relist heals whatever was missed. Apps add topics with `topic()` in AppConfig.ready().
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from console import operations
from console.snapshots import snapshots
from console.supervisor import supervisor
from hosts.connections import Connection, connections, target_of
from hosts.models import Host
from hosts.transport.pool import Link

logger = logging.getLogger(__name__)
Watcher = Callable[[Connection], Awaitable[None]]
LINK = "link"  # the topic that says whether the host answers; its value is a Link
RECONCILE = 3.0  # seconds
_topics: dict[str, Watcher] = {}
_known: dict[int, Host] = {}


def topic(name: str) -> Callable[[Watcher], Watcher]:
    """Register a watcher. It runs for each online host, and again (with backoff) whenever it ends."""

    def register(watcher: Watcher) -> Watcher:
        _topics[name] = watcher
        return watcher

    return register


async def keep_hosts() -> None:
    """The service: connect to all hosts and follow their links until cancelled."""
    await operations.adopt_orphans()
    connections.pool.on_change(_link_changed)
    try:
        while True:
            await _reconcile()
            await asyncio.sleep(RECONCILE)
    finally:
        await connections.pool.close()
        _known.clear()


async def _reconcile() -> None:
    """Hosts are also added, changed and removed by other processes (`manage.py hosts`)."""
    known = {host.pk: host async for host in Host.objects.all()}
    for host in known.values():
        connections.pool.add(target_of(host))
    for host_id in set(connections.pool.ids()) - known.keys():
        await remove(host_id)


def add(host: Host) -> None:
    """Begin to watch a host, or connect anew after its address or key was changed."""
    _known[host.pk] = host
    connections.pool.add(target_of(host))


def known_hosts() -> list[Host]:
    """The hosts that are watched, by name, without asking the database."""
    return sorted(_known.values(), key=lambda host: host.name)


def retry(host: Host) -> None:
    """Do not wait for the next attempt to connect. Does nothing while one is under way, or the host is online."""
    connections.pool.retry_now(host.pk)


async def remove(host_id: int) -> None:
    _known.pop(host_id, None)
    connections.pool.remove(host_id)
    await _stop_topics(host_id)
    snapshots.drop(host_id)


def _link_changed(host_id: int, link: Link) -> None:
    """Called by the pool, in the event loop."""
    snapshots.put(host_id, LINK, link)
    if link.state == "online":
        for name, watcher in _topics.items():
            supervisor.keep(_job(host_id, name), lambda watcher=watcher: _watch(host_id, watcher))  # type: ignore[misc]
        supervisor.spawn(f"host {host_id}: observe", operations.observe(host_id))
        return
    reason = link.error.title if link.error else "Connecting"
    snapshots.mark_stale(host_id, reason, _topics)
    if link.state != "stale":
        supervisor.spawn(f"host {host_id}: stop", _stop_topics(host_id))


async def _watch(host_id: int, watcher: Watcher) -> None:
    await watcher(connections.get(host_id))


async def _stop_topics(host_id: int) -> None:
    for name in _topics:
        await supervisor.drop(_job(host_id, name))
    await connections.forget(host_id)


def _job(host_id: int, topic_name: str) -> str:
    return f"host {host_id}: {topic_name}"


def link_of(host_id: int) -> Link | None:
    snapshot = snapshots.get(host_id, LINK)
    return snapshot.value if snapshot else None


def last_seen(host_id: int) -> float | None:
    """When the host last told anything (epoch seconds); None when nothing is known of it."""
    found = (snapshots.get(host_id, name) for name in _topics)
    return max((snapshot.seen for snapshot in found if snapshot), default=None)
