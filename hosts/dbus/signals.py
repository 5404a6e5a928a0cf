"""Signals, and the rules by which the D-Bus daemon and we decide who gets them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it came. `body` holds plain Python values; `sender` is the unique name (":1.7")."""

    path: str
    interface: str
    member: str
    body: list[Any]
    sender: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What a subscription wants; "" means any. `path_namespace` is a path and everything below it."""

    sender: str = ""
    interface: str = ""
    member: str = ""
    path: str = ""
    path_namespace: str = ""
    arg0: str = ""

    def text(self) -> str:
        """The rule in the daemon's own grammar."""
        keys = ("sender", "interface", "member", "path", "path_namespace", "arg0")
        parts = [f"{key}={_quoted(value)}" for key in keys if (value := getattr(self, key))]
        return ",".join(["type='signal'", *parts])

    def matches(self, signal: Signal) -> bool:
        """Whether the signal fits, apart from its sender (whose unique name only the bus knows)."""
        return (
            self.interface in ("", signal.interface)
            and self.member in ("", signal.member)
            and self.path in ("", signal.path)
            and _below(signal.path, self.path_namespace)
            and (not self.arg0 or signal.body[:1] == [self.arg0])
        )


class Subscription:
    """Signals that fit one rule go to one callback, until it is closed."""

    def __init__(
        self, rule: Rule, callback: Callable[[Signal], None], end: Callable[[Subscription], Awaitable[None]]
    ) -> None:
        self.rule = rule
        self._callback = callback
        self._end = end

    def deliver(self, signal: Signal) -> None:
        try:
            self._callback(signal)
        except Exception:  # one receiver's fault must not keep the signal from the others
            logger.exception("the receiver of %s.%s failed", signal.interface, signal.member)

    async def close(self) -> None:
        """Safe to call twice, and after the connection was lost."""
        await self._end(self)


def _below(path: str, namespace: str) -> bool:
    if namespace in ("", "/"):
        return True
    return path == namespace or path.startswith(namespace + "/")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", r"'\''") + "'"
