"""Frames to lines: any pieces, hostile bytes, no growth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import Failed
from containers.engine.base import LONGEST_LINE, LogLine
from containers.engine.loglines import LogLines, seconds
from tests.fakes.podman import frame

STAMP = b"2026-11-25T03:13:47Z "
TIME = 1795576427.0


def read(data: bytes, size: int = 1 << 16) -> list[LogLine]:
    lines = LogLines()
    read = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    return read + list(lines.end())


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2]), st.binary(max_size=200).filter(lambda text: b"\n" not in text))
    ),
    st.integers(1, 300),
)
def test_lines_survive_any_cutting_into_pieces(lines: list[tuple[int, bytes]], size: int) -> None:
    data = b"".join(frame(stream, STAMP + text + b"\n") for stream, text in lines)
    expected = [({1: "stdout", 2: "stderr"}[stream], TIME, text.removesuffix(b"\r")) for stream, text in lines]
    assert [(line.stream, line.time, line.text) for line in read(data, size)] == expected


@given(st.binary(max_size=400), st.integers(1, 64))
def test_hostile_bytes_give_lines_or_one_error(data: bytes, size: int) -> None:
    try:
        lines = read(data, size)
    except Failed:
        return
    assert all(len(line.text) <= len(data) for line in lines)


def test_parts_of_a_line_are_joined_per_stream() -> None:
    data = frame(1, STAMP + b"one ") + frame(2, STAMP + b"other\n") + frame(1, STAMP + b"line\n")
    assert [(line.stream, line.text) for line in read(data)] == [("stderr", b"other"), ("stdout", b"one line")]


def test_a_frame_of_several_lines_has_one_time() -> None:
    assert read(frame(1, STAMP + b"a\nb\nc")) == [LogLine("stdout", TIME, text) for text in (b"a", b"b", b"c")]


def test_a_line_of_10_mib_is_cut_with_a_marker_however_it_comes() -> None:
    size = 10 * 1024 * 1024
    for data in (
        frame(1, STAMP + b"x" * size + b"\n"),
        b"".join(frame(1, STAMP + b"x" * 8192) for _ in range(size // 8192)) + frame(1, STAMP + b"\n"),
    ):
        (line,) = read(data)
        assert line.cut == size - LONGEST_LINE
        assert line.text == b"x" * LONGEST_LINE + b" [%d bytes cut]" % line.cut


def test_text_without_a_time_is_kept_whole() -> None:
    assert read(frame(1, b"no time here\n")) == [LogLine("stdout", None, b"no time here")]
    assert read(frame(2, b"word\n")) == [LogLine("stderr", None, b"word")]


def test_what_is_no_frame_has_failed() -> None:
    with pytest.raises(Failed, match="frames"):
        read(b"plain text, not frames")


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        (b"2026-11-25T03:13:47Z", TIME),
        (b"2026-11-25T04:13:47+01:00", TIME),
        (b"2026-11-25T03:13:47.500000000Z", TIME + 0.5),
        (b"0001-01-01T00:00:00Z", None),
        (b"2026-11-25T03:13:47", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_times(stamp: bytes, time: float | None) -> None:
    assert seconds(stamp) == time
