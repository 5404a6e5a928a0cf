"""The newest known state of each topic of each host, and who wants to hear of changes.

Values are frozen, so a page may read them from any thread. Writing and subscribing belong to the event loop.
Host 0 is Vigie itself (topic "operations"). A short record of what changed lets a page that was rendered at one version,
or lost its socket for a moment, catch up without being sent everything.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

Key = tuple[int, str]
ALL = None  # "anything may have changed"
REMEMBERED = 64  # changes a key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`seen`: epoch seconds when the host last said so; `stale`: why it is not live, "" while it is."""

    value: Any
    seen: float
    version: int
    stale: str = ""

    @property
    def live(self) -> bool:
        return not self.stale


class Subscription:
    """Coalesces: however much happened since the last look, a key is listed once with all its changed ids."""

    def __init__(self, store: Snapshots, keys: Iterable[Key]) -> None:
        self._store = store
        self._pending: dict[Key, set[str] | None] = {}
        self._wake = asyncio.Event()
        self.keys = frozenset(keys)
        for key in self.keys:
            store._subscribers.setdefault(key, set()).add(self)

    def _tell(self, key: Key, ids: Iterable[str] | None) -> None:
        if ids is ALL:
            self._pending[key] = ALL
        elif (known := self._pending.setdefault(key, set())) is not ALL:
            known.update(ids)
        self._wake.set()

    async def changes(self) -> dict[Key, set[str] | None]:
        """Wait for the next changes: for each key the ids that changed, or None for "all of it"."""
        await self._wake.wait()
        self._wake.clear()
        pending, self._pending = self._pending, {}
        return pending

    def close(self) -> None:
        for key in self.keys:
            subscribers = self._store._subscribers.get(key, set())
            subscribers.discard(self)
            if not subscribers:
                self._store._subscribers.pop(key, None)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Snapshots:
    def __init__(self) -> None:
        self._snapshots: dict[Key, Snapshot] = {}
        self._subscribers: dict[Key, set[Subscription]] = {}
        self._versions = itertools.count(1)
        self._changes: dict[Key, collections.deque[tuple[int, frozenset[str] | None]]] = {}

    def get(self, host_id: int, topic: str) -> Snapshot | None:
        return self._snapshots.get((host_id, topic))

    def put(self, host_id: int, topic: str, value: Any, changed: Iterable[str] | None = ALL) -> None:
        """Replace the value. `changed`: ids of the rows that differ, None when that is not known."""
        key, version = (host_id, topic), next(self._versions)
        self._snapshots[key] = Snapshot(value, time.time(), version)
        ids = ALL if changed is ALL else frozenset(changed)
        self._changes.setdefault(key, collections.deque(maxlen=REMEMBERED)).append((version, ids))
        self._tell(key, ids)

    def changed_since(self, host_id: int, topic: str, version: int) -> set[str] | None:
        """The ids that changed after `version`; None when that is not remembered, so that anything may have."""
        remembered = self._changes.get((host_id, topic), ())
        if not any(known == version for known, _ in remembered):
            return ALL
        ids: set[str] = set()
        for known, changed in remembered:
            if known > version and changed is ALL:
                return ALL
            if known > version:
                ids.update(changed or ())
        return ids

    def confirm(self, host_id: int, topic: str) -> None:
        """The host said again what is already known: live again, and seen now."""
        snapshot = self._snapshots.get((host_id, topic))
        if snapshot:
            self._snapshots[host_id, topic] = replace(snapshot, seen=time.time(), stale="")
            if snapshot.stale:
                self.hint(host_id, topic)

    def mark_stale(self, host_id: int, reason: str, topics: Iterable[str] | None = None) -> None:
        """Keep the values but say why they are no longer live. `topics` None: all of this host."""
        wanted = set(topics) if topics is not None else None
        for key, snapshot in list(self._snapshots.items()):
            if key[0] == host_id and (wanted is None or key[1] in wanted) and snapshot.stale != reason:
                self._snapshots[key] = replace(snapshot, stale=reason)
                self.hint(*key)

    def hint(self, host_id: int, topic: str) -> None:
        """What is known did not change, but how it stands did: whether it is live."""
        self._tell((host_id, topic), ())

    def drop(self, host_id: int) -> None:
        for key in [key for key in self._snapshots if key[0] == host_id]:
            del self._snapshots[key]
            self._changes.pop(key, None)
            self._tell(key, ALL)

    def subscribe(self, keys: Iterable[Key]) -> Subscription:
        return Subscription(self, keys)

    def watched(self, host_id: int, topic: str) -> bool:
        """Is anybody looking? Costly details are read only then."""
        return (host_id, topic) in self._subscribers

    def _tell(self, key: Key, ids: Iterable[str] | None) -> None:
        for subscription in self._subscribers.get(key, ()):
            subscription._tell(key, ids)


snapshots = Snapshots()
