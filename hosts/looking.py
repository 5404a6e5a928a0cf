"""Loops that run only while somebody looks, and a minute longer: costly details, the managers of logins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from console.supervisor import supervisor

LINGER = 60.0  # seconds after the last one left
_looking: Counter[str] = Counter()
_ending: dict[str, asyncio.Task[Any]] = {}


@asynccontextmanager
async def looking(name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """The loop of this name runs at least as long as this context. The supervisor starts it again when it ends."""
    _looking[name] += 1
    if ending := _ending.pop(name, None):
        ending.cancel()
    supervisor.keep(name, loop)
    try:
        yield
    finally:
        _looking[name] -= 1
        if not _looking[name]:
            del _looking[name]
            _ending[name] = supervisor.spawn(f"{name}: end", _end(name))


async def _end(name: str) -> None:
    await asyncio.sleep(LINGER)
    _ending.pop(name, None)
    await supervisor.drop(name)
