"""What must be known before Django's settings are read: where the data is, where to listen, whether over TLS.

Standard library only.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

DEFAULT_LISTEN = "127.0.0.1:8000"


class CannotStart(Exception):
    """One line for the user: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listen:
        """HOST:PORT, [IPV6]:PORT, :PORT or PORT; ValueError when it is none of them."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]") or ("0.0.0.0" if text.startswith(":") else "127.0.0.1")  # noqa: S104
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_wildcard(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104

    def url(self, host: str, *, secure: bool) -> str:
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if secure else 'http'}://{name}:{self.port}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `up`."""
    listen = os.environ.get("VIGIE_LISTEN") or DEFAULT_LISTEN
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default=listen, help=f"where to serve (default {listen})"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate (PEM, with its chain)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--data", metavar="DIR", help=f"where everything is kept (default {default_data()})")


def settle(argv: list[str]) -> list[str]:
    """Carry --data, and for `up` whether it serves over TLS, into the environment; give argv without --data."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data")
    options, rest = parser.parse_known_args(argv)
    folder = Path(options.data or os.environ.get("VIGIE_DATA") or default_data()).absolute()
    os.environ["VIGIE_DATA"] = str(folder)
    need_writable(folder)
    if "up" in rest[1:2] and serves_over_tls(rest[2:]):
        os.environ["VIGIE_SECURE"] = "1"
    return rest


def serves_over_tls(arguments: list[str]) -> bool:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    add_options(parser)
    options, _ = parser.parse_known_args(arguments)
    try:
        return options.tls_cert is not None or not Listen.parse(options.listen).is_loopback
    except ValueError as error:
        raise CannotStart(f"--listen: {error}.") from error


def default_data() -> Path:
    """The checkout's data/, systemd's StateDirectory=, root's /var/lib/vigie, or the user's own folder."""
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "manage.py").is_file():
        return checkout / "data"
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state)
    if os.geteuid() == 0:
        return Path("/var/lib/vigie")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "vigie"


def need_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(f"The data folder {folder} cannot be written to: {error.strerror}.") from error
