"""From D-Bus values to typed fields: `read(cls, properties)` fills a dataclass whose fields name their property.

A host may send anything: a value of another type than expected counts as absent (None, or empty for lists).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")
_UNSET = 2**64 - 1  # how systemd says "no value" or "no limit" in a uint64


def prop(name: str, parse: Callable[[Any], Any]) -> Any:
    """A dataclass field that is read from the D-Bus property `name`."""
    return field(metadata={"dbus": name, "parse": parse})


def read(cls: type[_T], properties: Mapping[str, Any], **others: Any) -> _T:
    """An instance of `cls`; fields without a property come from `others`."""
    parsed = {
        item.name: item.metadata["parse"](properties.get(item.metadata["dbus"]))
        for item in fields(cls)  # type: ignore[arg-type]
        if "dbus" in item.metadata
    }
    return cls(**parsed, **others)


def text(value: Any) -> str | None:
    """None when absent or empty."""
    return value if isinstance(value, str) and value else None


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def count(value: Any) -> int | None:
    """A uint64 whose greatest value means "none"."""
    found = number(value)
    return None if found == _UNSET else found


def moment(value: Any) -> int | None:
    """Microseconds; 0 and the greatest value mean "never"."""
    return count(value) or None


def hexadecimal(value: Any) -> str | None:
    """An id of bytes, as the journal writes it; all zeros is none."""
    return value.hex() if isinstance(value, bytes) and any(value) else None


def texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def rows(value: Any) -> tuple[tuple[Any, ...], ...]:
    """An array of structs."""
    return tuple(tuple(row) for row in value if isinstance(row, list)) if isinstance(value, list) else ()
