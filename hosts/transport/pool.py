"""One live transport a host: connected, watched, and connected again, for as long as the host is known."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from console.errors import ConnectionTimedOut, ConsoleError, Disconnected, NotFound, Refused, Unreachable
from hosts.transport.base import Target, Transport
from hosts.transport.local import LocalTransport
from hosts.transport.ssh import SshTransport

log = logging.getLogger(__name__)

CONNECTING, ONLINE, STALE, UNREACHABLE, REFUSED = "connecting", "online", "stale", "unreachable", "refused"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for `connects_at_once`."""

    connects_at_once: int = 8  # a thousand hosts are not all signed in to at the same moment
    probe_every: float = 2.5  # a frozen host is seen within probe_every + probe_deadline
    probe_deadline: float = 2.5
    first: float = 1.0  # before the second attempt; doubles
    longest: float = 60.0
    refused: float = 60.0
    steady: float = 10.0  # a connection that lasted so long was a good one

    def rest(self, attempt: int, *, refused: bool) -> float:
        """Before the next attempt after `attempt` failed ones; never two hosts in step."""
        seconds = self.refused if refused else min(self.longest, self.first * 2 ** min(attempt - 1, 10))
        return spread(seconds)


def spread(seconds: float) -> float:
    return seconds * random.uniform(0.6, 1.0)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Link:
    """How a host stands at present. Times are seconds since the epoch."""

    state: str
    since: float
    error: ConsoleError | None = None
    retry_at: float | None = None


OnChange = Callable[[int, Link], None]
OpenTransport = Callable[[Target], Awaitable[Transport]]


def opener(key_path: Path) -> OpenTransport:
    """The way to open a target of either kind, with Vigie's key at `key_path`."""

    async def open_transport(target: Target) -> Transport:
        if target.kind == "local":
            return await LocalTransport.connect(target)
        return await SshTransport.connect(target, key_path)

    return open_transport


class Keeper:
    """Keeps one target's transport. `link` is the truth; `transport` is set while online or stale."""

    def __init__(
        self, target: Target, open_transport: OpenTransport, turn: asyncio.Semaphore, tell: OnChange, pace: Pace
    ) -> None:
        self.target = target
        self.link = Link(CONNECTING, time.time())
        self.transport: Transport | None = None
        self._open = open_transport
        self._turn = turn
        self._tell = tell
        self._pace = pace
        self._now = asyncio.Event()
        self._changed = asyncio.Event()
        self._failures = 0
        self._task = asyncio.create_task(self._keep(), name=f"transport of {target.name}")

    def _become(self, state: str, error: ConsoleError | None = None, retry_in: float | None = None) -> None:
        now = time.time()
        since = self.link.since if state == self.link.state else now
        self.link = Link(state, since, error, None if retry_in is None else now + retry_in)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._tell(self.target.id, self.link)

    async def _keep(self) -> None:
        while True:
            try:
                await self._connect()
                await self._watch()
            except ConsoleError as error:
                await self._rest(error)
            except Exception as error:
                log.exception("transport of %s", self.target.name)
                await self._rest(Unreachable(str(error)))

    async def _connect(self) -> None:
        async with self._turn:
            self._now.clear()
            self.transport = await self._open(self.target)
        self._become(ONLINE)

    async def _watch(self) -> None:
        """Until the way is lost, which is raised."""
        transport = self.transport
        assert transport is not None
        closed = asyncio.create_task(transport.wait_closed(), name=f"end of {self.target.name}")
        started = time.monotonic()
        try:
            while not await self._closes_within(closed, spread(self._pace.probe_every)):
                await self._probe(transport, closed)
            raise Disconnected("the connection to the host was lost")
        finally:
            closed.cancel()
            if time.monotonic() - started > self._pace.steady:
                self._failures = 0

    async def _closes_within(self, closed: asyncio.Task[None], seconds: float) -> bool:
        done, _ = await asyncio.wait([closed], timeout=seconds)
        return bool(done)

    async def _probe(self, transport: Transport, closed: asyncio.Task[None]) -> None:
        """Stale while the answer is overdue, online when it has come."""
        probe = asyncio.create_task(transport.probe(), name=f"probe {self.target.name}")
        try:
            await asyncio.wait(
                [probe, closed], timeout=self._pace.probe_deadline, return_when=asyncio.FIRST_COMPLETED
            )
            if not probe.done() and not closed.done():
                self._become(STALE, ConnectionTimedOut(f"no answer for {self._pace.probe_deadline:g} s"))
                await asyncio.wait([probe, closed], return_when=asyncio.FIRST_COMPLETED)
            if probe.done():
                probe.result()
                if self.link.state == STALE:
                    self._become(ONLINE)
        finally:
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)

    async def _dispose(self) -> None:
        transport, self.transport = self.transport, None
        if transport is None:
            return
        try:
            await transport.close()
        except (ConsoleError, OSError) as error:
            log.info("closing the transport of %s: %s", self.target.name, error)

    async def _rest(self, error: ConsoleError) -> None:
        """Wait before the next attempt; `retry_now` ends the wait. The state stays while that attempt runs."""
        self._failures += 1
        refused = isinstance(error, Refused)
        state, seconds = REFUSED if refused else UNREACHABLE, self._pace.rest(self._failures, refused=refused)
        self._become(state, error, seconds)
        await self._dispose()
        try:
            async with asyncio.timeout(seconds):
                await self._now.wait()
            self._become(CONNECTING, error)
        except TimeoutError:
            self._become(state, error)

    def retry_now(self) -> None:
        if self.link.retry_at is not None:
            self._failures = 0
            self._now.set()

    def get(self) -> Transport:
        if self.link.state == ONLINE and self.transport is not None:
            return self.transport
        raise self.link.error or ConnectionTimedOut("still connecting for the first time")

    async def online(self) -> Transport:
        while self.link.state != ONLINE or self.transport is None:
            await self._changed.wait()
        return self.transport

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._dispose()


class Pool:
    """All hosts' keepers. Belongs to one event loop."""

    def __init__(self, open_transport: OpenTransport, pace: Pace | None = None) -> None:
        self._open = open_transport
        self._pace = pace or Pace()
        self._turn = asyncio.Semaphore(self._pace.connects_at_once)
        self._keepers: dict[int, Keeper] = {}
        self._callbacks: list[OnChange] = []
        self._leaving: set[asyncio.Task[None]] = set()

    def add(self, target: Target) -> None:
        """Connect to it, and keep it connected. A known id with other facts is connected anew."""
        known = self._keepers.get(target.id)
        if known is not None and known.target == target:
            return
        self.remove(target.id)
        self._keepers[target.id] = Keeper(target, self._open, self._turn, self._tell, self._pace)

    def remove(self, id: int) -> None:  # noqa: A002
        keeper = self._keepers.pop(id, None)
        if keeper is not None:
            task = asyncio.create_task(keeper.close(), name=f"leave {keeper.target.name}")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def ids(self) -> list[int]:
        return list(self._keepers)

    def state(self, id: int) -> Link:  # noqa: A002
        """Raises NotFound for a host that was not added."""
        return self._keeper(id).link

    def get(self, id: int) -> Transport:  # noqa: A002
        """The transport, now. Raises what keeps it from being online."""
        return self._keeper(id).get()

    async def transport(self, id: int, timeout: float = 10.0) -> Transport:  # noqa: A002
        """The transport, as soon as it is online. Raises what still keeps it from it after `timeout` seconds."""
        keeper = self._keeper(id)
        try:
            async with asyncio.timeout(timeout):
                return await keeper.online()
        except TimeoutError:
            return keeper.get()

    def on_change(self, callback: OnChange) -> Callable[[], None]:
        """Call `callback(id, Link)` at every change; the answer takes it away again."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def retry_now(self, id: int) -> None:  # noqa: A002
        self._keeper(id).retry_now()

    async def close(self) -> None:
        for id_ in tuple(self._keepers):
            self.remove(id_)
        await asyncio.gather(*self._leaving)

    def _keeper(self, id: int) -> Keeper:  # noqa: A002
        if id not in self._keepers:
            raise NotFound("the host is not known here")
        return self._keepers[id]

    def _tell(self, id: int, link: Link) -> None:  # noqa: A002
        if id not in self._keepers:
            return  # removed meanwhile
        for callback in tuple(self._callbacks):
            try:
                callback(id, link)
            except Exception:  # one listener's fault must neither end the keeper nor silence the others
                log.exception("a callback on the state of host %d", id)
