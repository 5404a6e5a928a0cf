"""Our decoding against dbus-next's encoding, and against bytes that are wrong."""

import contextlib

import pytest
from dbus_next import Variant
from dbus_next._private.marshaller import Marshaller
from hypothesis import given
from hypothesis import strategies as st

from hosts.dbus import wire
from hosts.dbus.decode import reader

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def whole(bits, signed):
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


BASIC = {
    "y": whole(8, False),
    "b": st.booleans(),
    "n": whole(16, True),
    "q": whole(16, False),
    "i": whole(32, True),
    "u": whole(32, False),
    "x": whole(64, True),
    "t": whole(64, False),
    "d": st.floats(allow_nan=False),
    "s": TEXTS,
    "o": st.just("/org/example/x_2d"),
    "g": st.sampled_from(["", "s", "a{sv}"]),
}


@st.composite
def typed(draw, depth=3):
    """(signature, value as it is sent, value as it must arrive)"""
    kinds = [*BASIC, *(["array", "struct", "dict", "bytes", "variant"] if depth else [])]
    kind = draw(st.sampled_from(kinds))
    if kind in BASIC:
        value = draw(BASIC[kind])
        return kind, value, value
    if kind == "bytes":
        value = draw(st.binary(max_size=20))
        return "ay", value, value
    signature, sent, expected = draw(typed(depth=depth - 1))
    if kind == "variant":
        return "v", Variant(signature, sent), expected
    if kind == "struct":
        other, sent2, expected2 = draw(typed(depth=depth - 1))
        return f"({signature}{other})", [sent, sent2], [expected, expected2]
    many = draw(st.integers(0, 3))
    if kind == "array" and signature != "y":
        return f"a{signature}", [sent] * many, [expected] * many
    keys = draw(st.lists(TEXTS, max_size=3, unique=True))
    return f"a{{s{signature}}}", dict.fromkeys(keys, sent), dict.fromkeys(keys, expected)


def encoded(signature, value):
    marshaller = Marshaller(signature, [value])
    marshaller.marshall()
    return bytes(marshaller.buffer)


@given(typed())
def test_what_is_sent_arrives(case):
    signature, sent, expected = case
    data = encoded(signature, sent)
    assert reader(signature, "<")(data, 0) == (expected, len(data))


@given(typed(), st.data())
def test_wrong_bytes_end_in_an_exception_or_a_value(case, data):
    signature, sent, _ = case
    good = bytearray(encoded(signature, sent))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    bad = bytes(good[: data.draw(st.integers(0, len(good)))])
    with contextlib.suppress(Exception):
        assert reader(signature, "<")(bad, 0)[1] >= 0


def test_big_endian():
    assert reader("a(qs)", ">")(b"\0\0\0\x0a\0\0\0\0\x01\x02\0\0\0\0\0\x01a\0\0\0", 0)[0] == [[258, "a"]]


@pytest.mark.parametrize("signature", ["", "()", "a", "(s", "z", "a{s}", "a{sv", "ss", "a{ssv}"])
def test_signatures_that_are_none(signature):
    with pytest.raises((ValueError, KeyError)):
        reader(signature, "<")


def test_nesting_without_end():
    data = b"\1v\0" * 20_000
    with pytest.raises(RecursionError):
        reader("v", "<")(data, 0)


@pytest.mark.parametrize("fixed", [b"l" + b"\xff" * 15, b"B" + b"\xff" * 15])
def test_lengths_that_are_too_long(fixed):
    with pytest.raises(EOFError):
        wire.lengths(fixed)


def test_lengths():
    assert wire.lengths(b"l\2\1\1" + b"\5\0\0\0" + b"\1\0\0\0" + b"\x0b\0\0\0") == (32, 37)
    assert wire.lengths(b"B\2\1\1" + b"\0\0\0\5" + b"\0\0\0\1" + b"\0\0\0\x10") == (32, 37)
