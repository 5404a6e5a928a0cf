"""Log lines are hostile text: what reaches a page is UTF-8 without control characters, colours (SGR) apart, and bounded."""

from __future__ import annotations

import re

LONGEST = 64 * 1024  # bytes of one line
CUT = " … [line cut at 64 KiB]"
# OSC, DCS, APC, PM, SOS up to their end; CSI that is not a colour; other escapes.
_SEQUENCES = re.compile(
    r"\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b\[(?![0-9;]*m)[0-?]*[ -/]*[@-~]?|\x1b(?!\[[0-9;]*m)[ -/]*[0-~]?",
    re.DOTALL,
)
# C0 without tab and newline, C1, and the marks that turn the direction of the text around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b(?!\\[[0-9;]*m)")
_SGR = re.compile(r"\x1b\[[0-9;]*m")


def clean(line: bytes | str) -> str:
    """Keeps tabs, newlines and colours; a NUL and other controls become U+FFFD so that nothing vanishes silently."""
    data = line.encode("utf-8", "replace") if isinstance(line, str) else line
    text = data[:LONGEST].decode("utf-8", "replace")
    if "\x1b" in text:
        text = _SEQUENCES.sub("", text)
    text = _CONTROLS.sub("\ufffd", text.rstrip("\r\n"))
    return text + CUT if len(data) > LONGEST else text


def plain(line: bytes | str) -> str:
    """The same without colours."""
    return _SGR.sub("", clean(line))
