"""Hostile log lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.logtext import CUT, LONGEST, clean, plain


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        (b"plain\n", "plain"),
        (b"a\x00b", "a\ufffdb"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[2J\x1b[Hgone", "gone"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPq#0\x1b\\after", "after"),
        (b"\x1b]52;c;never ended", ""),
        ("\u202eright to left".encode(), "\ufffdright to left"),
        (b"tab\tstays", "tab\tstays"),
        (b"\x9b31m", "\ufffd31m"),
        (b"<script>", "<script>"),
    ],
)
def test_what_becomes_of_it(line, cleaned):
    assert clean(line) == cleaned


def test_a_long_line_is_cut_and_says_so():
    text = clean(b"x" * (10 * 1024 * 1024))
    assert text == "x" * LONGEST + CUT


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_nothing_but_text_and_colours_is_left(line):
    text = plain(line)
    assert not [c for c in text if (ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) < 0xA0]
    assert plain(text) == text.rstrip("\r\n")
