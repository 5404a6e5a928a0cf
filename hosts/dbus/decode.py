"""Decodes D-Bus values by their signature into plain Python ones, several times as fast as dbus-next does.

A signature is made into one function the first time it is seen. Variants are unwrapped, structs are lists, arrays of
bytes are bytes. Whatever is wrong with the data raises an Exception (of no particular kind): it is never read past
its end, and nothing loops.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any

Reader = Callable[[bytes, int], tuple[Any, int]]  # (message, position) -> value, position after it

_FIXED = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_ALIGNED_TO_8 = "xtd({"


@lru_cache(maxsize=512)
def reader(signature: str, order: str) -> Reader:
    """For one complete type; `order` is "<" or ">". Positions count from the start of the message."""
    made, rest = _one(signature, order)
    if rest:
        raise ValueError(f"more than one type in {signature!r}")
    return made


def _one(signature: str, order: str) -> tuple[Reader, str]:
    """The reader of the first type, and what follows it."""
    kind, rest = signature[:1], signature[1:]
    if kind in _FIXED:
        return _fixed(Struct(order + _FIXED[kind])), rest
    if kind == "a":
        return _array(rest, order)
    if kind == "(":
        return _struct(rest, order)
    simple = {"b": _boolean, "s": _text, "o": _text, "g": _signature, "v": _variant}
    return simple[kind](order), rest


def _fixed(form: Struct) -> Reader:
    size, unpack = form.size, form.unpack_from

    def read(data: bytes, at: int) -> tuple[Any, int]:
        at = (at + size - 1) & -size
        return unpack(data, at)[0], at + size

    return read


def _boolean(order: str) -> Reader:
    number = _fixed(Struct(order + "I"))

    def read(data: bytes, at: int) -> tuple[bool, int]:
        value, at = number(data, at)
        return bool(value), at

    return read


def _text(order: str) -> Reader:
    unpack = Struct(order + "I").unpack_from

    def read(data: bytes, at: int) -> tuple[str, int]:
        at = (at + 3) & -4
        start = at + 4
        end = start + unpack(data, at)[0]
        if end >= len(data):  # there is a NUL behind it
            raise EOFError
        return data[start:end].decode(), end + 1

    return read


def _signature(_: str) -> Reader:
    def read(data: bytes, at: int) -> tuple[str, int]:
        end = at + 1 + data[at]
        if end >= len(data):
            raise EOFError
        return data[at + 1 : end].decode(), end + 1

    return read


def _variant(order: str) -> Reader:
    signature = _signature(order)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        inner, at = signature(data, at)
        return reader(inner, order)(data, at)

    return read


def _struct(signature: str, order: str) -> tuple[Reader, str]:
    readers = []
    while not signature.startswith(")"):
        field, signature = _one(signature, order)
        readers.append(field)
    if not readers:
        raise ValueError("an empty struct")

    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        at = (at + 7) & -8
        values = []
        for read_field in readers:
            value, at = read_field(data, at)
            values.append(value)
        return values, at

    return read, signature[1:]


def _array(element: str, order: str) -> tuple[Reader, str]:
    span = _span(order, 8 if element[:1] in _ALIGNED_TO_8 else 4)
    if element.startswith("y"):
        return _bytes(span), element[1:]
    if element.startswith("{"):
        return _dict(element[1:], order, span)
    read_item, rest = _one(element, order)

    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        at, end = span(data, at)
        values = []
        while at < end:
            value, at = read_item(data, at)
            values.append(value)
        return values, at

    return read, rest


def _dict(signature: str, order: str, span: Callable[[bytes, int], tuple[int, int]]) -> tuple[Reader, str]:
    read_key, signature = _one(signature, order)
    read_value, signature = _one(signature, order)
    if not signature.startswith("}"):
        raise ValueError("a dict entry has two types")

    def read(data: bytes, at: int) -> tuple[dict[Any, Any], int]:
        at, end = span(data, at)
        values = {}
        while at < end:
            key, at = read_key(data, (at + 7) & -8)
            values[key], at = read_value(data, at)
        return values, at

    return read, signature[1:]


def _bytes(span: Callable[[bytes, int], tuple[int, int]]) -> Reader:
    def read(data: bytes, at: int) -> tuple[bytes, int]:
        at, end = span(data, at)
        return data[at:end], end

    return read


def _span(order: str, alignment: int) -> Callable[[bytes, int], tuple[int, int]]:
    """Where an array's first element starts, and where its last ends."""
    unpack = Struct(order + "I").unpack_from

    def read(data: bytes, at: int) -> tuple[int, int]:
        at = (at + 3) & -4
        start = (at + 4 + alignment - 1) & -alignment
        end = start + unpack(data, at)[0]
        if end > len(data):
            raise EOFError
        return start, end

    return read
