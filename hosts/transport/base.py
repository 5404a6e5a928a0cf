"""What every way to a host can do: run processes, lend sockets, move files. It never knows what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Target:
    """Where a host is and how Vigie signs in there."""

    id: int
    name: str
    kind: str = "ssh"  # "local" or "ssh"
    address: str = ""
    port: int = 22
    user: str = "root"
    sudo: bool = False  # reach root's D-Bus, engine and files through `sudo -n`
    host_key: str = ""  # the accepted public key, "ssh-ed25519 AAAA..."; "" means none was accepted yet


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that ended by itself. `code` is -N when signal N ended it."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Pty:
    """A terminal for a process: size in characters, the value of TERM, and further variables of a given command."""

    columns: int = 80
    rows: int = 24
    term: str = "xterm-256color"
    env: dict[str, str] = field(default_factory=dict)


class Process(Protocol):
    """A running process on the host. Reading slowly holds the process back; nothing is buffered without limit."""

    async def read(self, limit: int = 65536) -> bytes:
        """The next bytes of stdout (of the terminal with a PTY); b"" at the end."""

    async def write(self, data: bytes) -> None:
        """Waits while the process reads slowly. Does nothing once it has ended."""

    async def write_eof(self) -> None: ...

    async def stderr(self, limit: int = 65536) -> bytes:
        """What stderr said so far, its last `limit` bytes. Without a PTY only."""

    def resize(self, columns: int, rows: int) -> None: ...

    async def wait(self) -> int:
        """The exit code, -N for signal N."""

    async def close(self) -> None:
        """End it for certain (SIGTERM, then SIGKILL; over SSH also by closing the channel). Safe to call twice."""


class Transport(Protocol):
    """One live way to a host. Every method raises a `console.errors.Unreachable` when the way is lost."""

    target: Target

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        limit: int = 4 * 1024 * 1024,
        as_user: str = "",
    ) -> Completed:
        """Run to the end. `as_user`: run as that login (runuser). Raises AnswerTimedOut; Failed past `limit`."""

    async def spawn(self, argv: Sequence[str], *, pty: Pty | None = None, as_user: str = "") -> Process:
        """Start a process whose output is streamed. An empty `argv` with a PTY is the login's shell.

        A command that does not exist ends with 127. Raises Busy when too many processes are streamed already.
        """

    async def socket(self, path: str, *, as_user: str = "") -> str:
        """A local unix socket that leads to the unix socket `path` of the host. The same answer while the way lives.

        Whether the far end exists is only seen on connecting. With `sudo` or `as_user`, a bridge process
        (`systemd-stdio-bridge`, `podman system dial-stdio`) is started on the host for each connection.
        """

    async def read_file(self, path: str, *, limit: int = 1024 * 1024) -> bytes:
        """Raises NotFound, NotAuthorised, Failed past `limit`."""

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Atomic: a temporary file in the same folder, fsync, rename. Parent folders are made."""

    async def remove_file(self, path: str) -> None:
        """Raises NotFound."""

    async def list_folder(self, path: str) -> list[str]:
        """Names, sorted; an absent folder is empty."""

    async def probe(self) -> None:
        """One round trip to the host that starts nothing there."""

    async def wait_closed(self) -> None:
        """Returns when the way is lost or closed."""

    async def close(self) -> None:
        """End everything this transport started on the host and here. Safe to call twice."""
