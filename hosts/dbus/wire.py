"""What the D-Bus protocol demands of bytes and texts, whatever the library."""

from __future__ import annotations

from typing import Literal

from console.errors import InvalidInput

FIXED_HEADER = 16  # bytes that say how long a message is
LARGEST_MESSAGE = 64 * 1024 * 1024  # bytes; the specification allows 128 MiB, nothing real comes near this


def lengths(fixed: bytes) -> tuple[int, int]:
    """From a message's first 16 bytes: where its body starts, and its whole length. EOFError for a hostile one."""
    order: Literal["little", "big"] = "little" if fixed[:1] == b"l" else "big"
    body, fields = int.from_bytes(fixed[4:8], order), int.from_bytes(fixed[12:16], order)
    body_starts = FIXED_HEADER + fields + (-fields & 7)
    if body_starts + body > LARGEST_MESSAGE:
        raise EOFError("a message longer than is allowed")
    return body_starts, body_starts + body


def sendable(text: str) -> str:
    """The text itself. The daemon ends the connection at one that is no UTF-8 or has a NUL in it: refuse those."""
    try:
        nul = b"\0" in text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("A text with half a character in it cannot be sent.") from error
    if nul:
        raise InvalidInput("A text with a NUL in it cannot be sent.")
    return text
