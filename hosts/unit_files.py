"""Unit files written from the browser: an override (`NAME.d/override.conf`, as `systemctl edit` makes), or a new unit.

Checked with `systemd-analyze verify` on the host before it is written; written atomically, never over what somebody else
wrote meanwhile; undone in one click. Only below /etc/systemd/system, or in a login's own ~/.config/systemd/user, where
everything is done as that login, so that its links lead Vigie nowhere.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console import operations, undo
from console.errors import Conflict, ConsoleError, Failed, InvalidInput, NotFound
from console.models import Operation, User
from hosts import units
from hosts.connections import Connection, connections
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_names import is_template, valid_unit_name
from hosts.models import LOGIN, Host
from hosts.transport.base import Completed, Transport
from hosts.transport.files import Files
from hosts.unit_verbs import systemctl

SYSTEM = "/etc/systemd/system"
TEMPORARY = "/tmp/vigie-verify."  # noqa: S108  (completed by mktemp, which makes it for us alone)
LONGEST = 64 * 1024  # characters of a file
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_PLACE = re.compile(r"^(?P<path>/[^:]*):(?P<line>\d+): (?P<text>.*)$")


class Place(Files):
    """A manager's files on a host: everything runs as root, or as the login whose manager it is."""

    def __init__(self, transport: Transport, manager: str) -> None:
        self._transport, self.manager = transport, manager

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        limit: int = 4 * 1024 * 1024,
        as_user: str = "",
    ) -> Completed:
        return await self._transport.run(
            argv, stdin=stdin, timeout=timeout, limit=limit, as_user=as_user or self.manager
        )

    async def folder(self) -> str:
        if not self.manager:
            return SYSTEM
        answer = await self.run(["getent", "passwd", "--", self.manager])
        fields = answer.stdout.decode(errors="replace").split(":")
        if answer.code or len(fields) < 7 or not fields[5].startswith("/"):
            raise NotFound(f"The host has no login {self.manager}.")
        return f"{fields[5].rstrip('/')}/.config/systemd/user"

    async def text(self, path: str) -> str | None:
        """None when there is no such file."""
        try:
            return (await self.read_file(path, limit=4 * LONGEST)).decode("utf-8", "replace")
        except NotFound:
            return None


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as the form shows it. `opened`: a digest of what is there, "" for nothing; it comes back with the form."""

    name: str
    path: str
    text: str
    opened: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What systemd says against a draft; `line` where it says so."""

    line: int | None
    text: str


def digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()


def checked_text(text: str) -> str:
    """With one line break at its end; "" for nothing but space. Raises InvalidInput."""
    text = text.replace("\r\n", "\n").strip("\n")
    if len(text) > LONGEST:
        raise InvalidInput(f"A unit file of more than {LONGEST // 1024} KiB is not written from here.")
    if _CONTROLS.search(text):
        raise InvalidInput("The text has control characters.")
    return f"{text}\n" if text.strip() else ""


def checked_name(name: str) -> str:
    if not valid_unit_name(name) or name.startswith((".", "-")):
        raise InvalidInput(f"{name!r} cannot be the name of a unit file.")
    return name


def place(host: Host, manager: str) -> tuple[Connection, Place]:
    if manager and not LOGIN.fullmatch(manager):
        raise InvalidInput(f"{manager!r} is not a login name.")
    connection = connections.get(host.pk)
    return connection, Place(connection.transport, manager)


async def override(host: Host, name: str, manager: str = "") -> Draft:
    """The override as it is now. Raises NotFound for a unit without a file."""
    connection, files = place(host, manager)
    await _fragment(connection, checked_name(name), manager)
    path = f"{await files.folder()}/{name}.d/override.conf"
    text = await files.text(path)
    return Draft(name, path, text or "", digest(text))


async def new_path(host: Host, name: str, manager: str = "") -> str:
    """Where a new unit's file goes. Raises Conflict when there is a unit of this name."""
    connection, files = place(host, manager)
    checked_name(name)
    systemd = Systemd(await units.bus_of(connection, manager))
    properties = await systemd.unit_properties(name) if not is_template(name) else None
    path = f"{await files.folder()}/{name}"
    if (properties and properties.load_state != "not-found") or await files.text(path) is not None:
        raise Conflict(
            f"There is already a unit {name}.", remedy="Choose another name, or edit the unit's override."
        )
    return path


async def _fragment(connection: Connection, name: str, manager: str) -> str:
    systemd = Systemd(await units.bus_of(connection, manager))
    properties = await systemd.unit_properties(name)
    if not properties.fragment_path:
        raise NotFound(f"{name} has no file that an override could change.")
    return properties.fragment_path


# --- checking ---------------------------------------------------------------------------------------------------


async def verify(host: Host, draft: Draft, manager: str = "") -> list[Finding]:
    """What `systemd-analyze verify` says of a copy of the unit with this file, made in a folder of its own on the host."""
    connection, files = place(host, manager)
    made = await files.run(["mktemp", "--directory", "--", f"{TEMPORARY}XXXXXXXXXX"])
    folder = made.stdout.decode().strip()
    if made.code or not folder.startswith(TEMPORARY):
        raise Failed("The host has no room for a temporary folder.")
    try:
        copy = f"{folder}/{draft.name}"
        if draft.path.endswith("/override.conf"):
            source = await files.text(await _fragment(connection, draft.name, manager))
            await files.write_file(copy, (source or "").encode())
            await files.write_file(f"{copy}.d/override.conf", draft.text.encode())
        else:
            await files.write_file(copy, draft.text.encode())
        options = ["--user"] if manager else []
        argv = ["systemd-analyze", *options, "--man=no", "--recursive-errors=no", "verify", "--", copy]
        answer = await files.run(["env", "LC_ALL=C", *argv], timeout=60)
        return findings(answer.stderr.decode(errors="replace"), folder, draft, failed=answer.code != 0)
    finally:
        await files.run(["rm", "-rf", "--", folder])


def findings(said: str, folder: str, draft: Draft, *, failed: bool = False) -> list[Finding]:
    """Only what is said of this unit: others' faults are not this draft's."""
    found = []
    edited = (
        f"{folder}/{draft.name}.d/override.conf"
        if draft.path.endswith("/override.conf")
        else f"{folder}/{draft.name}"
    )
    for line in said.splitlines():
        match = _PLACE.match(line)
        if match and match["path"] == edited:
            found.append(Finding(int(match["line"]), match["text"]))
        elif not match and line.startswith(
            (f"{draft.name}: ", f"Unit {draft.name} ", f"Failed to prepare filename {folder}")
        ):
            found.append(Finding(None, line.replace(folder, "").removeprefix(f"{draft.name}: ")))
    if failed and not found:
        last = said.strip().splitlines()[-1:] or ["systemd cannot load this unit."]
        found.append(Finding(None, last[0].replace(f"{folder}/", "")))
    return list(dict.fromkeys(found))


async def calendar(host: Host, expression: str) -> list[str]:
    """The next five times, in the host's words. Raises InvalidInput for what is no calendar expression."""
    if not expression.strip() or len(expression) > 200 or _CONTROLS.search(expression):
        raise InvalidInput("When: write a calendar expression such as daily or Mon..Fri 08:30.")
    argv = ["env", "LC_ALL=C", "systemd-analyze", "calendar", "--iterations=5", "--", expression]
    answer = await connections.get(host.pk).transport.run(argv)
    if answer.code:
        raise InvalidInput(f"When: {expression!r} is not a calendar expression that systemd knows.")
    return elapses(answer.stdout.decode(errors="replace"))


def elapses(said: str) -> list[str]:
    found = re.findall(r"^\s*(?:Next elapse|Iteration #\d+): (.+)$", said, re.MULTILINE)
    return [moment.strip() for moment in found if moment.strip() != "never"]


# --- writing ----------------------------------------------------------------------------------------------------


async def write(host: Host, draft: Draft, *, actor: User, ip: str = "", manager: str = "") -> Operation:
    """Put the draft in place of what the form was opened with; an empty one removes the file. As an Operation.

    Raises Conflict when the file is not what the form was opened with, InvalidInput."""
    text = checked_text(draft.text)
    _, files = place(host, manager)
    before = await files.text(draft.path)
    if digest(before) != draft.opened:
        raise Conflict(f"{draft.path} was changed since you opened it.")
    memory = {
        "path": draft.path,
        "before": before,
        "after": digest(text or None),
        "manager": manager,
        "name": draft.name,
    }
    verb = "units.edit" if draft.path.endswith("/override.conf") else "units.create"
    return await _replace(host, verb, memory, text or None, actor=actor, ip=ip)


async def _replace(
    host: Host,
    verb: str,
    memory: dict[str, Any],
    text: str | None,
    *,
    actor: User,
    ip: str,
    undoes: bool = False,
) -> Operation:
    """`memory`: path, manager, name, before (the text that must be there now, None for none) and after (a digest)."""
    path, manager = memory["path"], memory["manager"]
    connection, files = place(host, manager)
    systemd = Systemd(await units.bus_of(connection, manager))

    async def action(operation: Operation) -> str:
        if digest(await files.text(path)) != digest(memory["before"]):
            raise Conflict(f"{path} was changed a moment ago.")
        if text is not None:
            await files.write_file(path, text.encode())
        elif memory["before"] is not None:
            await files.remove_file(path)
        await systemd.daemon_reload()
        return f"{path} {'written' if text is not None else 'removed'}"

    done = f"{'write' if text is not None else 'remove'} {path}"
    intent = operations.Intent(
        actor=actor,
        ip=ip,
        verb=verb,
        kind="unit",
        target=f"{memory['name']} of {manager}" if manager else memory["name"],
        host_id=host.pk,
        host_name=host.name,
        call=f"{done}\norg.freedesktop.systemd1.Manager.Reload()\n\n{text or ''}",
        shell=shell_text(path, text, manager),
        undo=None if undoes else memory,
    )
    return await operations.run(intent, action)


def shell_text(path: str, text: str | None, manager: str) -> str:
    reload = shlex.join([*systemctl(manager), "daemon-reload"])
    if text is None:
        return f"{shlex.join(['rm', '--', path])} && {reload}"
    return f"printf %s {shlex.quote(text)} | {shlex.join(['install', '-D', '-m', '644', '/dev/stdin', path])} && {reload}"


@undo.undoer("units.")
async def take_back(operation: Operation, *, actor: User, ip: str = "") -> Operation:
    """Put back what was there before. Raises Conflict when the file was changed since."""
    memory: dict[str, Any] = operation.undo or {}
    host = await Host.objects.filter(pk=operation.host_id or 0).afirst()
    if host is None:
        raise NotFound("The host is not known any more.")
    _, files = place(host, memory["manager"])
    now = await files.text(memory["path"])
    if digest(now) != memory["after"]:
        raise Conflict(f"{memory['path']} was changed since; undoing would lose that change.")
    return await _replace(
        host, "units.undo", memory | {"before": now}, memory["before"], actor=actor, ip=ip, undoes=True
    )


@undo.capability("units.")
def needs(operation: Operation) -> tuple[str, str]:
    return "units.edit", str((operation.undo or {}).get("name", ""))


def is_error(error: ConsoleError) -> bool:
    """Whether a form can say it: the input is at fault, not the way to the host."""
    return isinstance(error, InvalidInput | Conflict | NotFound)
