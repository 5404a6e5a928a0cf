"""Unit files composed from what a form asks: a service that runs a command, a timer that starts a unit."""

from __future__ import annotations

import re
import shlex

from console.errors import InvalidInput

RESTARTS = ("no", "on-failure", "always", "on-abnormal", "on-watchdog", "on-abort", "on-success")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_PLAIN = re.compile(r"[A-Za-z0-9_@:+=.,/-]+")
_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def one_line(value: str, field: str) -> str:
    """Raises InvalidInput for what would begin a line of its own."""
    if _BREAKS.search(value):
        raise InvalidInput(f"{field}: write it on one line.")
    return value.strip()


def command(line: str) -> list[str]:
    """A command line as a shell would split it, without a shell: no variables, pipes or redirections."""
    try:
        argv = shlex.split(one_line(line, "Command"))
    except ValueError as error:
        raise InvalidInput("Command: a quote is not closed.") from error
    if not argv or not argv[0]:
        raise InvalidInput("Command: write what is to be run.")
    if wrong := [word for word in argv if word in ("|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1")]:
        raise InvalidInput(f"Command: {wrong[0]} needs a shell. Use sh -c '…' for that.")
    if not re.fullmatch(r"[A-Za-z0-9_/.][A-Za-z0-9_/.+@-]*", argv[0]) or (
        "/" in argv[0] and not argv[0].startswith("/")
    ):
        raise InvalidInput("Command: begin with a program's name or its full path.")
    return argv


def quoted(word: str) -> str:
    """For systemd: specifiers (%) and variables ($) are taken as they are written."""
    escaped = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def environment(text: str) -> list[str]:
    """NAME=value, one a line, as lines of Environment=."""
    lines = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise InvalidInput(f"Environment: {line[:60]!r} is not NAME=value.")
        value = one_line(value, "Environment").replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'Environment="{name}={value}"')
    return lines


def literal(value: str, field: str) -> str:
    return one_line(value, field).replace("%", "%%")


def service(
    *, description: str, exec_start: str, user: str = "", restart: str = "no", folder: str = "", env: str = "",
    user_manager: bool = False,
) -> str:  # fmt: skip
    """Raises InvalidInput that names the field."""
    if restart not in RESTARTS:
        raise InvalidInput("Restart: choose one of the list.")
    if folder and not folder.startswith("/"):
        raise InvalidInput("Working folder: write its full path.")
    lines = ["[Unit]", f"Description={literal(description, 'Description')}"]
    if not user_manager:
        lines += ["Wants=network-online.target", "After=network-online.target"]
    lines += ["", "[Service]", "ExecStart=" + " ".join(quoted(word) for word in command(exec_start))]
    lines += [f"User={literal(user, 'User')}"] if user and not user_manager else []
    lines += [f"WorkingDirectory={literal(folder, 'Working folder')}"] if folder else []
    lines += [*environment(env), *([f"Restart={restart}"] if restart != "no" else [])]
    target = "default.target" if user_manager else "multi-user.target"
    return "\n".join([*lines, "", "[Install]", f"WantedBy={target}", ""])


def timer(*, description: str, calendar: str, unit: str, persistent: bool) -> str:
    lines = ["[Unit]", f"Description={literal(description, 'Description')}", "", "[Timer]"]
    lines += [f"OnCalendar={literal(calendar, 'When')}", f"Unit={literal(unit, 'Starts')}"]
    lines += ["Persistent=true"] if persistent else []
    return "\n".join([*lines, "", "[Install]", "WantedBy=timers.target", ""])
