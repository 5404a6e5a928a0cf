"""A stream is one `async run()`: this base alone checks the origin, authorises, bounds, times out, catches and closes.

Frames are JSON: `{"n": 1, "kind": "html", ...}`. The page acknowledges with `{"ack": n}`; at most WINDOW_FRAMES or
WINDOW_BYTES are unacknowledged, then `send_message` waits and the producer coalesces (or drops visibly, see LineQueue).
`{"pause": true}` from a hidden tab stops the flow the same way. Other messages go to `received()`.
"""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import time
import uuid
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http import Http404

from console import access, sessions
from console.errors import ConsoleError
from console.models import User

logger = logging.getLogger(__name__)
WINDOW_FRAMES, WINDOW_BYTES = 256, 2 * 1024 * 1024
RECHECK, HEARTBEAT, NO_ACK = 4.0, 15.0, 30.0  # seconds
LONGEST_INPUT, INBOX = 256 * 1024, 64  # characters of a message, messages that wait for `received`
DENIED, FAILED, TOO_SLOW, BAD_INPUT = 4403, 4500, 4408, 4400


open_streams: set[Stream] = set()


class Denied(Exception):
    """The user may not have this stream, or not any more."""


class Stream(AsyncWebsocketConsumer):
    """Subclasses implement `authorise` (raise Denied; fetch what `run` needs; called again every 4 s) and `run`."""

    user: User
    rights: access.Rights

    async def authorise(self) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        raise NotImplementedError

    async def received(self, message: dict[str, Any]) -> None:
        """A message from the page that is neither an acknowledgement nor a pause. Ignored by default."""

    # --- what subclasses use

    async def send_message(self, kind: str, **payload: Any) -> None:
        """Send one frame; waits while the page is behind or hidden."""
        while not self._flow.is_open:
            await self._flow.wait()
        await self._transmit(kind, payload)

    # --- the socket's life

    async def connect(self) -> None:
        self._flow = Flow()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(INBOX)
        self._task: asyncio.Task[None] | None = None
        if not has_own_origin(self.scope):
            await self.close()
            return
        await self.accept()  # before the rights are known: a refused handshake could not tell the page why
        self._task = asyncio.create_task(self._live(), name=f"stream {self.scope['path']}")

    async def disconnect(self, code: int) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        message = _parse(text_data)
        if message is None or not self._take(message):
            await self.close(BAD_INPUT)

    def _take(self, message: dict[str, Any]) -> bool:
        """Never waits, so that acknowledgements and the end are not held up. False: the page breaks the rules."""
        if "ack" in message:
            return self._flow.acknowledge(message["ack"])
        if "pause" in message:
            self._flow.pause(bool(message["pause"]))
            return True
        if self._inbox.full():
            return False
        self._inbox.put_nowait(message)
        return True

    async def _live(self) -> None:
        """Run until the first of: the stream ends, the right ends, the page stops answering."""
        open_streams.add(self)
        try:
            await self._check()
            await self._transmit("ping", {})  # so that the page knows that it is live
            async with asyncio.TaskGroup() as group:
                for work in (self._guard(), self._beat(), self._listen()):
                    group.create_task(work)
                await self.run()
                raise _Ended
        except Exception as error:
            await self._end(_first(error))
        finally:
            open_streams.discard(self)

    async def _end(self, error: Exception) -> None:
        match error:
            case _Ended():
                await self._close("end", 1000)
            case Denied() | Http404():
                await self._close("denied", DENIED)
            case _TooSlow():
                await self.close(TOO_SLOW)
            case _:
                await self._close("failed", FAILED, self._facts(error))

    def _facts(self, error: Exception) -> dict[str, str]:
        if not isinstance(error, ConsoleError):
            incident = uuid.uuid4().hex[:12]
            logger.error("stream %s failed (%s)", self.scope["path"], incident, exc_info=error)
            error = ConsoleError(f"id {incident}")
        return {"code": error.code, "title": error.title, "detail": error.detail, "remedy": error.remedy}

    async def _close(self, kind: str, code: int, facts: dict[str, str] | None = None) -> None:
        await self._transmit(kind, facts or {})
        await self.close(code)

    async def _transmit(self, kind: str, payload: dict[str, Any]) -> None:
        """ASCII, so that a character is a byte, and half a surrogate pair out of a host's bytes can be sent."""
        text = json.dumps({"n": self._flow.sent + 1, "kind": kind, **payload}, separators=(",", ":"))
        self._flow.add(len(text))
        await self.send(text_data=text)

    async def _check(self) -> None:
        await sync_to_async(self._read_rights)()  # in one go: every open page asks every few seconds
        await self.authorise()

    def _read_rights(self) -> None:
        user = sessions.user_now(self.scope["session"].session_key)
        if user is None:
            raise Denied
        self.user, self.rights = user, access.rights_now(user)

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(RECHECK)
            await self._check()

    async def _beat(self) -> None:
        """A frame now and then, also to a hidden page, so that both ends notice a dead line."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self._flow.silent_for > NO_ACK:
                raise _TooSlow
            await self._transmit("ping", {})

    async def _listen(self) -> None:
        while True:
            await self.received(await self._inbox.get())


class Flow:
    """Credit: how much is on its way to the page, and whether more may follow."""

    def __init__(self) -> None:
        self.sent = 0
        self._sizes: collections.deque[int] = collections.deque()  # of the frames not acknowledged yet
        self._bytes = 0
        self._paused = False
        self._progress = time.monotonic()
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        return not self._paused and len(self._sizes) < WINDOW_FRAMES and self._bytes < WINDOW_BYTES

    @property
    def silent_for(self) -> float:
        """Seconds since the page last acknowledged something, while it has something to acknowledge."""
        return time.monotonic() - self._progress if self._sizes else 0.0

    async def wait(self) -> None:
        await self._open.wait()

    def add(self, size: int) -> None:
        if not self._sizes:
            self._progress = time.monotonic()
        self.sent += 1
        self._sizes.append(size)
        self._bytes += size
        self._update()

    def acknowledge(self, n: Any) -> bool:
        """False when `n` is no frame that was sent."""
        if not isinstance(n, int) or n > self.sent:
            return False
        while self._sizes and self.sent - len(self._sizes) < n:
            self._bytes -= self._sizes.popleft()
            self._progress = time.monotonic()
        self._update()
        return True

    def pause(self, paused: bool) -> None:
        self._paused = paused
        self._update()

    def _update(self) -> None:
        if self.is_open:
            self._open.set()
        else:
            self._open.clear()


class _Ended(Exception):
    pass


class _TooSlow(Exception):
    pass


def _first(error: Exception) -> Exception:
    """What ended the stream: of several at once the first that is more than an echo of the end."""
    if not isinstance(error, ExceptionGroup):
        return error
    leaves = [_first(part) for part in error.exceptions]
    return next((leaf for leaf in leaves if not isinstance(leaf, _Ended)), leaves[0])


def _parse(text: str | None) -> dict[str, Any] | None:
    if text is None or len(text) > LONGEST_INPUT:
        return None
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def has_own_origin(scope: dict[str, Any]) -> bool:
    """Scheme, host and port of the page must be exactly those that the socket was asked for at (or VIGIE_ORIGINS)."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin1")
    scheme = "https" if settings.SECURE else "http"  # Daphne does not say how a websocket came
    own = f"{scheme}://{headers.get(b'host', b'').decode('latin1')}"
    return origin in {own, *settings.CSRF_TRUSTED_ORIGINS}


class LineQueue:
    """Between a source that must not wait and a page that may be slow: keeps the newest, counts what it dropped."""

    def __init__(self, limit: int = 2000, most_bytes: int = 8 * 1024 * 1024) -> None:
        self._lines: collections.deque[tuple[Any, int]] = collections.deque()
        self._limit, self._most_bytes = limit, most_bytes
        self._bytes = 0
        self._skipped = 0
        self._wake = asyncio.Event()

    def put(self, line: Any, size: int = 0) -> None:
        """`size`: its bytes, for lines that may be long."""
        self._lines.append((line, size))
        self._bytes += size
        while len(self._lines) > self._limit or (self._bytes > self._most_bytes and len(self._lines) > 1):
            self._bytes -= self._lines.popleft()[1]
            self._skipped += 1
        self._wake.set()

    async def take(self, most: int) -> tuple[int, list[Any]]:
        """(how many were skipped before these, the oldest `most` lines)."""
        await self._wake.wait()
        skipped, self._skipped = self._skipped, 0
        taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        self._bytes -= sum(size for _, size in taken)
        if not self._lines:
            self._wake.clear()
        return skipped, [line for line, _ in taken]
