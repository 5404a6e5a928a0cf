"""The command palette's sources. Apps register theirs in AppConfig.ready(); each lists only what `rights` allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from console.access import Rights

MOST = 30


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    hint: str  # where it is, or what it does
    href: str
    kind: str  # "host", "unit", "workload", "page"


Source = Callable[[str, Rights], Iterable[Entry]]
_sources: list[Source] = []


def source(function: Source) -> Source:
    """`function(query, rights)` yields matching entries, best first, from what is already known (snapshots)."""
    _sources.append(function)
    return function


def search(query: str, rights: Rights) -> list[dict[str, Any]]:
    found = (entry for function in _sources for entry in islice(function(query.lower(), rights), MOST))
    return [asdict(entry) for entry in islice(found, MOST)]
