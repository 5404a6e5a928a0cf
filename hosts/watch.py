"""Watches every host: one connection each, and on it one list + watch + relist loop a topic, while it is online.

A topic's loop subscribes first, then lists, puts the snapshot, and follows. It returns or raises after any gap and is
started again, so that a relist heals whatever was missed. Apps add topics with `topic()` in AppConfig.ready().
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from console import operations
from console.errors import ConsoleError, NoSystemd
from console.snapshots import snapshots
from console.supervisor import supervisor
from hosts.connections import Connection, connections, target_of
from hosts.models import Host
from hosts.transport.pool import Link

logger = logging.getLogger(__name__)
Watcher = Callable[[Connection], Awaitable[None]]
LINK = "link"  # the topic that says whether the host answers; its value is a Link
RECONCILE = 3.0  # seconds
LONGEST_PAUSE = 15.0  # seconds before a topic of a host that answers is tried again
_topics: dict[str, Watcher] = {}
_forgetters: list[Callable[[int], None]] = []
_known: dict[int, Host] = {}
_troubles: defaultdict[int, dict[str, ConsoleError]] = defaultdict(dict)  # why a topic is not live, by host
_turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)  # topics start and stop one host at a time


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


def known_host(name: str) -> Host | None:
    return next((host for host in _known.values() if host.name == name), None)


def forgotten(callback: Callable[[int], None]) -> Callable[[int], None]:
    """Register what to do when a host was removed: whoever keeps something of it lets go."""
    _forgetters.append(callback)
    return callback


def retry(host: Host) -> None:
    """Do not wait for the next attempt to connect. Does nothing while one is under way, or the host is online."""
    connections.pool.retry_now(host.pk)


async def remove(host_id: int) -> None:
    _known.pop(host_id, None)
    connections.pool.remove(host_id)
    async with _turns[host_id]:
        await _stop_topics(host_id)
    snapshots.drop(host_id)
    _turns.pop(host_id, None)
    for forget in _forgetters:
        forget(host_id)


def _link_changed(host_id: int, link: Link) -> None:
    """Called by the pool, in the event loop."""
    before = link_of(host_id)
    snapshots.put(host_id, LINK, link)
    if link.state != "online":
        snapshots.mark_stale(host_id, link.error.title if link.error else "Connecting", _topics)
    elif before and before.state == "stale":
        _answers_again(host_id)
    if link.state != "stale":
        supervisor.spawn(f"host {host_id}: {link.state}", _adapt(host_id))


def _answers_again(host_id: int) -> None:
    """It was silent, but its connection held and with it the topics: they missed nothing."""
    for name in _topics.keys() - _troubles[host_id].keys():
        snapshots.confirm(host_id, name)


async def _adapt(host_id: int) -> None:
    """Watch the topics, or do not, as the link now is. A stop may take a while: a start waits for it."""
    async with _turns[host_id]:
        link = link_of(host_id)
        if link is None or link.state != "online":
            await _stop_topics(host_id)
            return
        for name in _topics:
            supervisor.keep(_job(host_id, name), lambda name=name: _watch(host_id, name), longest=LONGEST_PAUSE)  # type: ignore[misc]
    await operations.observe(host_id)


async def _watch(host_id: int, name: str) -> None:
    try:
        await _topics[name](connections.get(host_id))
    except Exception as error:
        troubled(
            host_id, name, error if isinstance(error, ConsoleError) else ConsoleError(type(error).__name__)
        )
        raise


def troubled(host_id: int, name: str, error: ConsoleError) -> None:
    """This topic is not live from now on, until something is put or confirmed."""
    _troubles[host_id][name] = error
    snapshots.mark_stale(host_id, error.title, [name])
    snapshots.hint(host_id, name)


async def _stop_topics(host_id: int) -> None:
    """The way to the host first: with it gone nothing waits for answers."""
    await connections.forget(host_id)
    await asyncio.gather(*(supervisor.drop(_job(host_id, name)) for name in _topics))
    _troubles.pop(host_id, None)


def trouble_of(host_id: int, topics: Iterable[str]) -> ConsoleError | None:
    """Why the first of these topics that is not live is not, although the host answers."""
    troubles = _troubles.get(host_id, {})
    root = next((trouble for trouble in troubles.values() if isinstance(trouble, NoSystemd)), None)
    for name in topics:
        known = snapshots.get(host_id, name)
        if name in troubles and not (known and known.live):
            return root or troubles[name]  # without systemd there is no D-Bus to repair
    return None


def standing(host_id: int, topics: Iterable[str] = ()) -> dict[str, Any]:
    """What hosts/link.html says above a page that shows these topics."""
    return {"link": link_of(host_id), "seen": last_seen(host_id), "trouble": trouble_of(host_id, topics)}


def _job(host_id: int, topic_name: str) -> str:
    return f"host {host_id}: {topic_name}"


def link_of(host_id: int) -> Link | None:
    snapshot = snapshots.get(host_id, LINK)
    return snapshot.value if snapshot else None


def last_seen(host_id: int) -> float | None:
    """When the host last told anything (epoch seconds); None when nothing is known of it."""
    found = (snapshots.get(host_id, name) for name in _topics)
    return max((snapshot.seen for snapshot in found if snapshot), default=None)
