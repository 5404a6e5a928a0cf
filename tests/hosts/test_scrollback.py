"""The scrollback against the plainest model: all that was ever printed."""

from hypothesis import given
from hypothesis import strategies as st

from hosts.scrollback import LONGEST_LINE, Scrollback


@given(st.lists(st.binary(max_size=40)), st.integers(1, 64), st.integers(1, 64))
def test_it_keeps_the_newest_bytes_at_their_offsets(pieces, limit, most):
    scrollback, everything = Scrollback(limit), b""
    for piece in pieces:
        scrollback.append(piece)
        everything += piece
        assert scrollback.end == len(everything)
        assert scrollback.start == max(0, len(everything) - limit)
        for offset in range(scrollback.start, scrollback.end + 1):
            assert scrollback.read(offset, most) == everything[offset : offset + most]


def test_it_is_shown_anew_from_its_beginning_or_from_a_whole_line():
    scrollback = Scrollback(8)
    scrollback.append(b"ab\ncd\n")
    assert scrollback.whole_lines() == 0
    scrollback.append(b"\x1b[1mx\nyz")
    assert scrollback.read(scrollback.whole_lines(), 8) == b"yz"


def test_a_line_without_end_is_cut():
    scrollback = Scrollback(3 * LONGEST_LINE)
    scrollback.append(b"x" * 4 * LONGEST_LINE + b"\n$ ")
    assert scrollback.whole_lines() == scrollback.start
