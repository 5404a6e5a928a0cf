"""Where this console is reached, as links and commands name it."""

from __future__ import annotations

import socket
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from console import signin
from console.launch import DEFAULT_LISTEN, Listen
from console.models import User


def reachable_url(listen: Listen, *, secure: bool) -> str:
    """scheme://host:port for a browser; this machine's name where all addresses are listened on."""
    return listen.url(socket.getfqdn() if listen.is_wildcard else listen.host, secure=secure)


def remember(url: str) -> None:
    """For `signin`, which runs beside the server."""
    _file().write_text(url)


def current() -> str:
    return _file().read_text().strip() if _file().exists() else f"http://{DEFAULT_LISTEN}"


def signin_link(user: User, url: str = "") -> str:
    """A whole address that signs the user in once."""
    return f"{url or current()}{reverse('signin', args=[signin.make_link(user)])}"


def _file() -> Path:
    return Path(settings.DATA_DIR) / "url"
