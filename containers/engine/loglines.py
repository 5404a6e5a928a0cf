"""Docker's and Podman's multiplexed log stream, to lines.

Each frame: one byte stream (1 stdout, 2 stderr), three zero bytes, four bytes length (big endian), then the payload:
an RFC 3339 time, a space, text. A payload that does not end in a newline is a part of a longer line; the next
frame of the same stream carries on, after a time of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from console.errors import Failed
from containers.engine.base import LONGEST_LINE, LogLine

HEADER = 8
LONGEST_TIME = 40  # "2026-11-25T03:13:47.123456789+01:00 "
STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}


@dataclass(slots=True)
class _Line:
    """A line that is still growing. What exceeds the limit is counted and thrown away."""

    time: float | None = None
    text: bytearray = field(default_factory=bytearray)
    cut: int = 0
    begun: bool = False

    def add(self, data: bytes) -> None:
        self.begun = True
        kept = data[: max(0, LONGEST_LINE - len(self.text))]
        self.text += kept
        self.cut += len(data) - len(kept)

    def finished(self, stream: str) -> LogLine:
        text = bytes(self.text).removesuffix(b"\r") if not self.cut else bytes(self.text)
        if self.cut:
            text += b" [%d bytes cut]" % self.cut
        return LogLine(stream, self.time, text, self.cut)


class LogLines:
    """Feed bytes as they come, in pieces of any size; take lines. Holds at most two lines of 64 KiB."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0  # bytes of the present frame still to come
        self._stamp: bytearray | None = None  # the frame's time, while it is not complete
        self._stream = "stdout"
        self._lines = {"stdout": _Line(), "stderr": _Line()}

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Raises Failed when this is no such stream."""
        at = 0
        while at < len(data):
            if not self._left:
                at += self._take_header(data[at : at + HEADER])
                continue
            payload = data[at : at + self._left]
            at += len(payload)
            self._left -= len(payload)
            yield from self._take_payload(payload)

    def end(self) -> Iterator[LogLine]:
        """Lines whose newline never came."""
        for stream, line in self._lines.items():
            if line.begun:
                yield line.finished(stream)
            self._lines[stream] = _Line()

    def _take_header(self, data: bytes) -> int:
        taken = data[: HEADER - len(self._header)]
        self._header += taken
        if len(self._header) == HEADER:
            self._open_frame(bytes(self._header))
            self._header.clear()
        return len(taken)

    def _open_frame(self, header: bytes) -> None:
        if header[0] not in STREAMS or any(header[1:4]):
            raise Failed("The engine's log stream cannot be read: it is not made of frames")
        self._stream = STREAMS[header[0]]
        self._left = int.from_bytes(header[4:], "big")
        self._stamp = bytearray()

    def _take_payload(self, payload: bytes) -> Iterator[LogLine]:
        if self._stamp is not None:
            payload = self._take_stamp(payload)
        while payload:
            text, newline, payload = payload.partition(b"\n")
            line = self._lines[self._stream]
            line.add(text)
            if newline:
                yield line.finished(self._stream)
                self._lines[self._stream] = _Line(time=line.time)

    def _take_stamp(self, payload: bytes) -> bytes:
        """Split the frame's time off; it may be spread over several pieces."""
        assert self._stamp is not None
        self._stamp += payload
        if b" " not in self._stamp and len(self._stamp) < LONGEST_TIME and self._left:
            return b""
        stamp, _, text = bytes(self._stamp).partition(b" ")
        time = seconds(stamp)
        line = self._lines[self._stream]
        if not line.begun:
            line.time, line.begun = time, True
        whole = bytes(self._stamp)
        self._stamp = None
        return whole if time is None else text


def seconds(stamp: bytes | str) -> float | None:
    """RFC 3339 to seconds since the epoch; None when it is none, or Go's zero time."""
    try:
        text = stamp.decode("ascii") if isinstance(stamp, bytes) else stamp
        time = datetime.fromisoformat(text)
        return time.timestamp() if time.tzinfo and time.year > 1 else None
    except (ValueError, OverflowError):
        return None
