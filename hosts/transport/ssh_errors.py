"""Where asyncssh's and the system's exceptions end: one table, one context manager."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncssh

from console.errors import (
    ConnectionRefused,
    ConnectionTimedOut,
    ConsoleError,
    Disconnected,
    Failed,
    KeyRejected,
    NameNotResolved,
    Unreachable,
)

Meaning = Callable[[Exception], ConsoleError]
NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)


def lost_early(error: Exception) -> ConsoleError:
    if "timeout" in str(error).lower():
        return ConnectionTimedOut("sshd did not finish the sign-in in time")
    return ConnectionRefused("sshd closed the connection before the sign-in (too many attempts?)")


def unreachable(error: Exception) -> ConsoleError:
    no_route = isinstance(error, OSError) and error.errno in NO_ROUTE
    return Unreachable("no route leads to the host" if no_route else str(error))


# The first that fits counts.
WHILE_CONNECTING: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Meaning], ...] = (
    ((socket.gaierror, UnicodeError), lambda error: NameNotResolved(str(error))),
    (ConnectionRefusedError, lambda error: ConnectionRefused()),
    (TimeoutError, lambda error: ConnectionTimedOut()),
    (asyncssh.PermissionDenied, lambda error: KeyRejected(str(error))),
    ((asyncssh.ConnectionLost, ConnectionError), lost_early),
    (Exception, unreachable),
)


def while_connecting(error: Exception) -> ConsoleError:
    """What went wrong before anything was asked of the host. The host key's errors are the caller's."""
    return next(meaning(error) for kinds, meaning in WHILE_CONNECTING if isinstance(error, kinds))


def while_connected(error: Exception) -> ConsoleError:
    """What went wrong afterwards: the connection is lost, or sshd refuses one channel."""
    match error:
        case asyncssh.ChannelOpenError() if "closed" not in error.reason.lower():
            return Failed(f"sshd refused to start it: {error.reason}")
        case _:
            return Disconnected(str(error))


FOREIGN = (asyncssh.Error, OSError, UnicodeError)


@contextmanager
def connecting() -> Iterator[None]:
    try:
        yield
    except FOREIGN as error:
        raise while_connecting(error) from error


@contextmanager
def connected() -> Iterator[None]:
    try:
        yield
    except FOREIGN as error:
        raise while_connected(error) from error
