"""How a command becomes another login's: `sudo -n` where Vigie signs in as a plain user, `runuser` for a login."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from console.errors import Failed, InvalidInput, NotFound, SudoNeedsPassword
from hosts.transport.base import Completed, Pty, Target

LONGEST_COMMAND = 128 * 1024  # bytes; it travels in one packet, of which sshd takes 256 KiB at most
LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}\$?")


@dataclass(frozen=True, slots=True)
class Login:
    """One line of the host's user database."""

    name: str
    uid: int
    home: str
    shell: str


def login_query(name: str) -> list[str]:
    """Raises InvalidInput for what cannot be a login's name."""
    if not LOGIN.fullmatch(name):
        raise InvalidInput(f"{name[:64]!r} is not a login name")
    return ["getent", "passwd", "--", name]


def parse_login(name: str, answer: Completed) -> Login:
    """Raises NotFound when the host has no such login."""
    fields = answer.stdout.decode(errors="replace").strip().split(":")
    if answer.code == 2 or fields[0] != name:
        raise NotFound(f"the host has no login {name}")
    if len(fields) != 7 or not fields[2].isdigit():
        raise Failed(f"the host's entry for the login {name} cannot be read")
    return Login(name, int(fields[2]), fields[5], fields[6] or "/bin/sh")


def elevated(target: Target, argv: Sequence[str], login: Login | None) -> list[str]:
    """`argv` as `login`, or as root where the target uses sudo. An empty argv is the login's shell.

    Raises InvalidInput for what sshd would answer by closing the whole connection."""
    refuse_unsendable(argv)
    sudo = ["sudo", "-n", "--"] if target.sudo else []
    if login is None:
        return [*sudo, *argv] if argv else []
    if not argv:
        return [*sudo, "runuser", "-l", login.name]
    return [*sudo, "runuser", "-u", login.name, "--", *environment_of(login), *argv]


def refuse_unsendable(argv: Sequence[str]) -> None:
    command = shlex.join(argv)
    if "\0" in command:
        raise InvalidInput("a NUL cannot be part of a command")
    if len(command.encode(errors="surrogateescape")) > LONGEST_COMMAND:
        raise InvalidInput(f"a command of more than {LONGEST_COMMAND} bytes cannot be sent")


def with_environment(argv: Sequence[str], pty: Pty | None) -> list[str]:
    """A terminal's variables, set behind sudo, which takes them away. A login's shell has its own."""
    if pty is None or not pty.env or not argv:
        return [*argv]
    return ["env", *(f"{name}={value}" for name, value in pty.env.items()), *argv]


def environment_of(login: Login) -> list[str]:
    """runuser -u keeps root's environment and folder; neither is of use to the login."""
    runtime = f"/run/user/{login.uid}"
    return [
        *("env", "-C", "/", f"HOME={login.home}", f"USER={login.name}", f"LOGNAME={login.name}"),
        *(f"XDG_RUNTIME_DIR={runtime}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"),
    ]


def check_sudo(answer: Completed) -> None:
    """Of `sudo -n -- true`. Raises SudoNeedsPassword, with what sudo said."""
    if answer.code:
        raise SudoNeedsPassword(answer.stderr.decode(errors="replace").strip()[:300])
