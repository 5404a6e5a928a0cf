"""The grammars of what containers are called, each as its own system defines it. Nothing else leaves for an engine.

Sources: Podman `define.NameRegex`, github.com/distribution/reference, signal(7), systemd's `hostname_is_valid`.
"""

from __future__ import annotations

import re
import signal

from console.errors import InvalidInput

LONGEST_NAME = 255  # a name becomes a file's name in the engine's storage
LONGEST_REFERENCE = 4096

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_ID = re.compile(r"[0-9a-f]{12,64}")

_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?"
)

_SIGNALS = frozenset(name.removeprefix("SIG") for name in signal.Signals.__members__)


def container(name: str) -> str:
    """A container's or pod's name, or its id. Raises InvalidInput."""
    if len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return name
    raise InvalidInput(
        f"{shown(name)} is not a container's name: letters, digits and _.- after a letter or digit"
    )


def container_id(text: str) -> str:
    """A container's id, 12 to 64 hexadecimal digits. Raises InvalidInput."""
    if _ID.fullmatch(text):
        return text
    raise InvalidInput(f"{shown(text)} is not a container's id: 12 to 64 hexadecimal digits")


def image(reference: str) -> str:
    """An image: name, name:tag, name@digest, or an image's id. Raises InvalidInput."""
    if len(reference) > LONGEST_REFERENCE:
        raise InvalidInput(f"{shown(reference)} is too long for an image")
    if _ID.fullmatch(reference.removeprefix("sha256:")):
        return reference
    match = _REFERENCE.fullmatch(reference)
    if match and len(match["name"]) <= LONGEST_NAME:
        return reference
    raise InvalidInput(
        f"{shown(reference)} is not an image: [registry/]name[:tag][@digest], name in lower case"
    )


def signal_name(text: str) -> str:
    """A signal as signal(7) names it, without SIG: "TERM", "HUP", "RTMIN+3", or its number. Raises InvalidInput."""
    name = text.upper().removeprefix("SIG")
    if name in _SIGNALS or re.fullmatch(r"RTM(?:IN\+|AX-)(?:[1-9]|1[0-5])", name):
        return name
    if re.fullmatch(r"[1-9][0-9]?", name) and int(name) <= 64:
        return name
    raise InvalidInput(f"{shown(text)} is not a signal")


def machine(name: str) -> str:
    """A nspawn machine: a valid host name of at most 64 characters. Raises InvalidInput."""
    label = r"[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9_])?"
    if len(name) <= 64 and re.fullmatch(rf"{label}(?:\.{label})*", name):
        return name
    raise InvalidInput(f"{shown(name)} is not a machine's name")


def shown(text: str, limit: int = 80) -> str:
    """Hostile text for an error's sentence: quoted, control characters escaped, cut."""
    return ascii(text[:limit]) + ("…" if len(text) > limit else "")
