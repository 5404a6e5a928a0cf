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

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from console import access, sessions
from console.errors import ConsoleError

logger = logging.getLogger(__name__)
WINDOW_FRAMES, WINDOW_BYTES = 256, 2 * 1024 * 1024
RECHECK, HEARTBEAT, NO_ACK = 5.0, 15.0, 30.0  # seconds
LONGEST_INPUT = 256 * 1024
DENIED, GONE, FAILED, TOO_SLOW, BAD_INPUT = 4403, 4404, 4500, 4408, 4400


class Denied(Exception):
    """The user may not have this stream, or not any more."""


class Stream(AsyncWebsocketConsumer):
    """Subclasses implement `authorise` (raise Denied; fetch what `run` needs; called again every 5 s) and `run`."""

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
        await self._flow.wait()
        self._sent += 1
        text = json.dumps({"n": self._sent, "kind": kind, **payload}, separators=(",", ":"), ensure_ascii=False)
        self._unacknowledged.append((self._sent, len(text)))
        self._unacknowledged_bytes += len(text)
        self._set_flow()
        await self.send(text_data=text)

    # --- the socket's life

    async def connect(self) -> None:
        self._sent = 0
        self._unacknowledged: collections.deque[tuple[int, int]] = collections.deque()
        self._unacknowledged_bytes = 0
        self._paused = False
        self._heard = time.monotonic()
        self._flow = asyncio.Event()
        self._flow.set()
        self._task: asyncio.Task[None] | None = None
        if not has_own_origin(self.scope):
            await self.close(DENIED)
            return
        try:
            await self._check()
        except Denied:
            await self.accept()  # so that the page learns the reason; a refused handshake has none
            await self.close(DENIED)
            return
        await self.accept()
        self._task = asyncio.create_task(self._live(), name=f"stream {self.scope['path']}")

    async def disconnect(self, code: int) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self._heard = time.monotonic()
        message = _parse(text_data)
        if message is None:
            await self.close(BAD_INPUT)
        elif "ack" in message:
            self._acknowledge(message["ack"])
        elif "pause" in message:
            self._paused = bool(message["pause"])
            self._set_flow()
        else:
            await self.received(message)

    def _acknowledge(self, n: Any) -> None:
        while self._unacknowledged and isinstance(n, int) and self._unacknowledged[0][0] <= n:
            self._unacknowledged_bytes -= self._unacknowledged.popleft()[1]
        self._set_flow()

    def _set_flow(self) -> None:
        behind = len(self._unacknowledged) >= WINDOW_FRAMES or self._unacknowledged_bytes >= WINDOW_BYTES
        if behind or self._paused:
            self._flow.clear()
        else:
            self._flow.set()

    async def _live(self) -> None:
        """Run until the first of: the stream ends, the right ends, the page stops answering."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._guard())
                group.create_task(self._beat())
                await self.run()
                raise _Ended
        except* _Ended:
            await self._close("end", 1000)
        except* Denied:
            await self._close("denied", DENIED)
        except* _TooSlow:
            await self.close(TOO_SLOW)
        except* ConsoleError as group_error:
            await self._fail(group_error.exceptions[0])
        except* Exception as group_error:
            await self._fail(group_error.exceptions[0])

    async def _fail(self, error: BaseException) -> None:
        if isinstance(error, ConsoleError):
            facts = {"code": error.code, "title": error.title, "detail": error.detail, "remedy": error.remedy}
        else:
            incident = uuid.uuid4().hex[:12]
            logger.error("stream %s failed (%s)", self.scope["path"], incident, exc_info=error)
            facts = {
                "code": "error",
                "title": ConsoleError.title,
                "detail": f"id {incident}",
                "remedy": ConsoleError.remedy,
            }
        await self._close("failed", FAILED, **facts)

    async def _close(self, kind: str, code: int, **payload: str) -> None:
        self._flow.set()
        await self.send_message(kind, **payload)
        await self.close(code)

    async def _check(self) -> None:
        user = await sessions.user_of(self.scope["session"])
        if user is None:
            raise Denied
        self.user = user
        self.rights = await access.rights_of(user)
        await self.authorise()

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(RECHECK)
            await self._check()

    async def _beat(self) -> None:
        """A frame when the line is quiet, so that both ends notice a dead one."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self._unacknowledged and time.monotonic() - self._heard > NO_ACK:
                raise _TooSlow
            if self._flow.is_set():
                await self.send_message("ping")


class _Ended(Exception):
    pass


class _TooSlow(Exception):
    pass


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
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    own = f"{scheme}://{headers.get(b'host', b'').decode('latin1')}"
    return origin in {own, *settings.CSRF_TRUSTED_ORIGINS}


class LineQueue:
    """Between a source that must not wait and a page that may be slow: keeps the newest, counts what it dropped."""

    def __init__(self, limit: int = 2000) -> None:
        self._lines: collections.deque[Any] = collections.deque()
        self._limit = limit
        self._skipped = 0
        self._wake = asyncio.Event()

    def put(self, line: Any) -> None:
        if len(self._lines) >= self._limit:
            self._lines.popleft()
            self._skipped += 1
        self._lines.append(line)
        self._wake.set()

    async def take(self, most: int) -> tuple[int, list[Any]]:
        """(how many were skipped before these, the oldest `most` lines)."""
        await self._wake.wait()
        skipped, self._skipped = self._skipped, 0
        lines = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        if not self._lines:
            self._wake.clear()
        return skipped, lines
