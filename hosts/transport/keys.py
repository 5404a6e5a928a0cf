"""Keys: Vigie's own, the hosts' and how one is put on a host with a password that is then forgotten."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

import asyncssh

from console.errors import (
    Failed,
    HostKeyChanged,
    HostKeyUnknown,
    InvalidInput,
    NameNotResolved,
    Refused,
)
from hosts.transport.base import Target

CONNECT_SECONDS = 10
ALGORITHMS = [
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
]


def ensure_key(path: Path) -> str:
    """Make Vigie's ed25519 key at `path` (0600, its folder 0700) where it is missing; give its authorized_keys line."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519", comment="vigie")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.export_private_key())
    return public_line(path)


def public_line(path: Path) -> str:
    """The line for ~/.ssh/authorized_keys. Raises Failed when the key cannot be read."""
    return str(load(path).export_public_key().decode().strip())


def load(path: Path) -> asyncssh.SSHKey:
    """Raises Failed."""
    try:
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise Failed("Vigie's own SSH key cannot be read") from error


def key_line(key: asyncssh.SSHKey) -> str:
    """Algorithm and base64, without a comment."""
    return " ".join(key.export_public_key().decode().split()[:2])


def fingerprint(line: str) -> str:
    """As ssh-keygen -l shows it: SHA256:... Raises InvalidInput."""
    try:
        return str(asyncssh.import_public_key(line).get_fingerprint())
    except (asyncssh.KeyImportError, ValueError) as error:
        raise InvalidInput("this is not a public SSH key") from error


class HostKeyCheck(asyncssh.SSHClient):
    """Accepts exactly the target's key; remembers what was offered instead."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.offered = ""

    def factory(self) -> Self:
        return self

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key_line(key)
        return self.offered == " ".join(self._target.host_key.split()[:2])

    def refusal(self) -> Refused:
        offered = fingerprint(self.offered)
        if not self._target.host_key:
            return HostKeyUnknown(offered, fingerprint=offered, host_key=self.offered)
        old = fingerprint(self._target.host_key)
        return HostKeyChanged(f"{old} before, {offered} now", old_fingerprint=old, new_fingerprint=offered)


def algorithms(target: Target) -> list[str]:
    """The accepted key's kind first: a host with several keys then shows the one that is known."""
    known = target.host_key.partition(" ")[0]
    return sorted(
        ALGORITHMS, key=lambda name: not (name == known or (known == "ssh-rsa" and name.startswith("rsa")))
    )


def checked_address(address: str) -> str:
    """No options, spaces or control characters. Raises NameNotResolved."""
    plain = address.replace(":", "").replace("%", "").replace("_", "").replace("-", "").replace(".", "")
    if not plain.isalnum() or address.startswith("-") or len(address) > 253:
        raise NameNotResolved(f"{address[:64]!r} is not a host's name or address")
    return address


async def sign_in(target: Target, **how: object) -> asyncssh.SSHClientConnection:
    """A connection to the target, its host key checked. Raises asyncssh's errors, and Refused for the host key."""
    check = HostKeyCheck(target)
    try:
        return await asyncssh.connect(
            checked_address(target.address),
            target.port,
            username=target.user,
            client_factory=check.factory,
            known_hosts=b"",  # nothing but the check decides
            server_host_key_algs=algorithms(target),
            config=None,
            agent_path=None,
            agent_forwarding=False,
            x509_trusted_certs=None,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=15,
            keepalive_count_max=3,
            **how,
        )
    except asyncssh.HostKeyNotVerifiable as error:
        raise check.refusal() from error
