"""The last bytes of an endless output, addressed by their offset from its beginning."""

from __future__ import annotations

LONGEST_LINE = 4096  # bytes; a longer one is cut


class Scrollback:
    """Keeps the newest `limit` bytes: those with offsets from `start` up to `end`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.end = 0

    @property
    def start(self) -> int:
        return self.end - len(self._kept)

    def append(self, data: bytes) -> None:
        self._kept += data
        self.end += len(data)
        if len(self._kept) > self._limit:
            del self._kept[: -self._limit]

    def read(self, offset: int, most: int) -> bytes:
        """Up to `most` bytes from `offset` on, which must be kept; b"" at the end."""
        begin = offset - self.start
        return bytes(self._kept[begin : begin + most])

    def whole_lines(self) -> int:
        """The offset from which on to show it anew: once the oldest bytes are gone, after the first line's end, so that no
        half of a character or of a control sequence comes first."""
        newline = self._kept.find(b"\n", 0, LONGEST_LINE) if self.start else -1
        return self.start + newline + 1
