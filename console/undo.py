"""Taking a change back: for verbs whose Operation remembers (`undo`) what was there before. An undo is an Operation too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from console.errors import NotFound
from console.models import Operation, User

Undoer = Callable[..., Coroutine[Any, Any, Operation]]
_undoers: dict[str, Undoer] = {}
_needs: dict[str, Callable[[Operation], tuple[str, str]]] = {}


def undoer(prefix: str) -> Callable[[Undoer], Undoer]:
    """Register `async (operation, *, actor, ip) -> Operation` for verbs that begin so."""

    def register(function: Undoer) -> Undoer:
        _undoers[prefix] = function
        return function

    return register


def capability(prefix: str) -> Callable[..., Any]:
    """Register which capability, for which object's name, an undo asks for."""

    def register(function: Callable[[Operation], tuple[str, str]]) -> Any:
        _needs[prefix] = function
        return function

    return register


def _prefix(operation: Operation) -> str | None:
    return next((prefix for prefix in _undoers if operation.verb.startswith(prefix)), None)


def can_be_undone(operation: Operation) -> bool:
    return (
        bool(operation.undo) and operation.state == Operation.State.SUCCEEDED and _prefix(operation) is not None
    )


def needs(operation: Operation) -> tuple[str, str]:
    """(capability, name) that the undo asks for. Raises NotFound when it cannot be undone."""
    prefix = _prefix(operation)
    if prefix is None or not can_be_undone(operation):
        raise NotFound("This operation cannot be undone.")
    return _needs[prefix](operation)


async def undo(operation: Operation, *, actor: User, ip: str = "") -> Operation:
    """Raises NotFound, Conflict when it was changed since, and why the host cannot be reached."""
    prefix = _prefix(operation)
    if prefix is None or not can_be_undone(operation):
        raise NotFound("This operation cannot be undone.")
    return await _undoers[prefix](operation, actor=actor, ip=ip)
