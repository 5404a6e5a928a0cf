"""The grammar of unit names, and the two ways systemd writes them: in object paths, and in names of other units.

After systemd's src/basic/unit-name.c and src/shared/bus-label.c. A name may start with "-" (`-.mount`) and contain
"..": on a command line it stands behind `--`.
"""

from __future__ import annotations

import re
import string

NAME = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
UNIT_PATHS = "/org/freedesktop/systemd1/unit/"
UNIT_TYPES = (
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
)
LONGEST = 255  # characters

_PLAIN = string.ascii_letters + string.digits + ":-_.\\"
_NAME = re.compile(r"(?P<prefix>[A-Za-z0-9:_.\\-]+)(?P<at>@(?P<instance>[A-Za-z0-9:_.\\@-]*))?")
_HEX = re.compile(rb"_([0-9a-fA-F]{2})")


def valid_unit_name(name: str) -> bool:
    """As unit_name_is_valid(UNIT_NAME_ANY): plain, an instance (`getty@tty1.service`) or a template (`getty@.service`)."""
    stem, dot, suffix = name.rpartition(".")
    return bool(dot) and len(name) <= LONGEST and suffix in UNIT_TYPES and _NAME.fullmatch(stem) is not None


def unit_type(name: str) -> str:
    """ "service" of "nginx.service"; "" when it has none of systemd's suffixes."""
    suffix = name.rpartition(".")[2]
    return suffix if suffix in UNIT_TYPES else ""


def is_template(name: str) -> bool:
    """Whether it can only be started with an instance filled in."""
    return valid_unit_name(name) and "@" in name and name.partition("@")[2].rpartition(".")[0] == ""


def template_of(name: str) -> str:
    """ "getty@.service" of "getty@tty1.service"; "" for a name that is no instance."""
    prefix, at, rest = name.partition("@")
    instance, _, suffix = rest.rpartition(".")
    return f"{prefix}@.{suffix}" if at and instance else ""


def unit_path(name: str) -> str:
    """The unit's object path, whether it is loaded or not."""
    return UNIT_PATHS + _label(name)


def unit_of_path(path: str) -> str:
    """The name behind a unit's object path; "" when it is another kind of path."""
    if not path.startswith(UNIT_PATHS):
        return ""
    label = path.removeprefix(UNIT_PATHS).encode()
    if label == b"_":
        return ""
    return _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), label).decode(errors="replace")


def escape(text: str) -> str:
    """As systemd-escape: any text as a part of a unit's name."""
    return "".join(_escaped(byte, first=index == 0) for index, byte in enumerate(text.encode()))


def unescape(text: str) -> str:
    r"""As systemd-escape --unescape. Raises ValueError for a "\" that does not begin "\xNN"."""
    if re.search(r"\\(?!x[0-9a-fA-F]{2})", text):
        raise ValueError(f"not an escaped text: {text!r}")
    data = text.replace("-", "/").encode()
    return re.sub(rb"\\x(..)", lambda found: bytes.fromhex(found[1].decode()), data).decode(errors="replace")


def _escaped(byte: int, *, first: bool) -> str:
    char = chr(byte)
    if char == "/":
        return "-"
    plain = char in _PLAIN and char not in "-\\" and not (first and char == ".")
    return char if plain else f"\\x{byte:02x}"


def _label(name: str) -> str:
    if not name:
        return "_"
    data = name.encode()
    return "".join(_labelled(byte, first=index == 0) for index, byte in enumerate(data))


def _labelled(byte: int, *, first: bool) -> str:
    char = chr(byte)
    plain = char in string.ascii_letters or (char in string.digits and not first)
    return char if plain else f"_{byte:02x}"
