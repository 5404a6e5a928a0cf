"""The journal of a host, through `journalctl -o json` on the host.

A place in the journal is a cursor. Reading goes backwards from one (older entries), or forward and on for ever (follow).
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from console.access import Rights
from console.errors import Failed, InvalidInput, NotAuthorised, NotFound
from console.logtext import clean, plain
from hosts.connections import Connection, connections
from hosts.dbus.systemd_names import valid_unit_name
from hosts.models import Host
from hosts.transport.base import Process

PAGE = 200  # entries
FIELDS = (
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "_COMM",
    "_PID",
    "_SYSTEMD_UNIT",
    "_SYSTEMD_USER_UNIT",
    "UNIT",
)
LONGEST_ENTRY = 16 * 1024 * 1024  # bytes of JSON; a longer one is passed over, and said
CURSOR = re.compile(r"[A-Za-z0-9=;]{1,300}")
BOOT = re.compile(r"[0-9a-f]{32}|-?[0-9]{1,4}")
PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


@dataclass(frozen=True, slots=True)
class Query:
    """What to read. Times are epoch seconds; `text` is looked for literally, ignoring case; `priority`: this and worse."""

    units: tuple[str, ...] = ()
    priority: int | None = None
    boot: str = ""  # an id, or 0 for this boot, -1 for the one before...
    since: float | None = None
    until: float | None = None
    identifier: str = ""
    text: str = ""

    def arguments(self) -> list[str]:
        """journalctl's options; each value is bound to its option by `=`."""
        chosen = [f"--unit={unit}" for unit in self.units]
        for option, value in (
            ("boot", self.boot),
            ("identifier", self.identifier),
            ("priority", self.priority),
        ):
            if value not in ("", None):
                chosen.append(f"--{option}={value}")
        for option, moment in (("since", self.since), ("until", self.until)):
            if moment is not None:
                chosen.append(f"--{option}=@{moment:.6f}")
        if self.text:
            chosen += [f"--grep={re.escape(self.text)}", "--case-sensitive=false"]
        return chosen


def parse_query(values: Mapping[str, str]) -> Query:
    """From a page's address. Raises InvalidInput that names the field."""
    units = tuple(unit for unit in values.get("unit", "").split() if unit)
    for unit in units:
        if not valid_unit_name(unit):
            raise InvalidInput(f"Unit: {unit!r} is not the name of a unit.")
    boot, priority = values.get("boot", ""), values.get("priority", "")
    if boot and not BOOT.fullmatch(boot):
        raise InvalidInput(f"Boot: {boot!r} is neither a boot id nor a number such as -1.")
    if priority and priority not in "01234567":
        raise InvalidInput("Priority: choose a number from 0 (emergency) to 7 (debug).")
    return Query(
        units=units,
        priority=int(priority) if priority else None,
        boot=boot,
        since=_moment(values.get("since", ""), "Since"),
        until=_moment(values.get("until", ""), "Until"),
        identifier=_text(values.get("identifier", ""), "Identifier"),
        text=_text(values.get("text", ""), "Text"),
    )


def _text(value: str, field: str) -> str:
    if "\0" in value or "\n" in value or len(value) > 200:
        raise InvalidInput(f"{field}: at most 200 characters on one line.")
    return value


def _moment(value: str, field: str) -> float | None:
    """Epoch seconds, or what a datetime-local input gives (taken as UTC)."""
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidInput(f"{field}: {value!r} is not a time such as 2026-01-31T08:00.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def may_read(rights: Rights, host: Host, query: Query) -> bool:
    """Everything, or only the named units that a grant allows."""
    if rights.allows("journal.view", host, "*"):
        return True
    return bool(query.units) and all(rights.allows("journal.view", host, unit) for unit in query.units)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as a log shows it. `time`: epoch seconds, exact to a microsecond. `message` is clean, colours kept."""

    cursor: str
    time: float
    priority: int
    who: str  # the identifier, else the command
    pid: str
    unit: str
    message: str


def parse_entry(line: bytes) -> Entry | None:
    """None for what is no journal entry (journalctl's own remarks)."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        moment = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
        cursor = fields["__CURSOR"]
    except (msgspec.DecodeError, KeyError, ValueError, TypeError):
        return None
    priority = _first(fields.get("PRIORITY"))
    return Entry(
        cursor=str(cursor),
        time=moment,
        priority=int(priority) if priority in {*"01234567"} else 6,
        who=plain(_first(fields.get("SYSLOG_IDENTIFIER")) or _first(fields.get("_COMM"))),
        pid=plain(_first(fields.get("_PID"))),
        unit=plain(
            _first(fields.get("UNIT"))
            or _first(fields.get("_SYSTEMD_USER_UNIT"))
            or _first(fields.get("_SYSTEMD_UNIT"))
        ),
        message=clean(_bytes(fields.get("MESSAGE"))),
    )


def _bytes(value: Any) -> bytes | str:
    """A field is text, a list of byte values where it is no UTF-8, or a list of such where it was given twice."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and isinstance(value[0], int):
        return bytes(byte for byte in value if isinstance(byte, int) and 0 <= byte < 256)
    if isinstance(value, list):
        return "\n".join(_first(part) for part in value)
    return ""


def _first(value: Any) -> str:
    found = _bytes(value[0] if isinstance(value, list) and value and not isinstance(value[0], int) else value)
    return found if isinstance(found, str) else found.decode("utf-8", "replace")


def _argv(query: Query, *options: str, fields: bool = True) -> list[str]:
    shown = [f"--output-fields={','.join(FIELDS)}"] if fields else []
    return [
        "journalctl",
        "--quiet",
        "--all",
        "--no-pager",
        "--output=json",
        *shown,
        *query.arguments(),
        *options,
    ]


# --- one page ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Oldest first. `more`: there are entries beyond, in the direction that was read."""

    entries: tuple[Entry, ...]
    more: bool


async def before(host: Host, query: Query, cursor: str = "") -> Page:
    """The newest entries, or those older than `cursor`."""
    place = [f"--cursor={checked_cursor(cursor)}"] if cursor else []
    read = await _read(host, _argv(query, "--reverse", *place), PAGE + 2)
    older = [entry for entry in read if entry.cursor != cursor]
    return Page(tuple(reversed(older[:PAGE])), len(older) > PAGE)


async def after(host: Host, query: Query, cursor: str) -> Page:
    """Those newer than `cursor`: what was skipped, or what surrounds an entry."""
    read = await _read(host, _argv(query, f"--after-cursor={checked_cursor(cursor)}"), PAGE + 1)
    return Page(tuple(read[:PAGE]), len(read) > PAGE)


async def _read(host: Host, argv: list[str], most: int) -> list[Entry]:
    """The first `most`. Not by --lines: what that means beside a cursor differs between versions."""
    entries: list[Entry] = []
    async with aclosing(_lines(connections.get(host.pk), argv)) as lines:
        async for line in lines:
            if entry := parse_entry(line):
                entries.append(entry)
            if len(entries) == most:
                break
    return entries


def checked_cursor(cursor: str) -> str:
    if not CURSOR.fullmatch(cursor):
        raise InvalidInput("This is not a place in a journal.")
    return cursor


@dataclass(frozen=True, slots=True)
class Boot:
    """`index`: 0 is the present one, -1 the one before. Times are epoch seconds."""

    index: int
    boot_id: str
    first: float
    last: float


async def boots(host: Host) -> list[Boot]:
    """Newest first."""
    argv = ["journalctl", "--quiet", "--list-boots", "--output=json"]
    done = await connections.get(host.pk).transport.run(argv)
    _check(done.code, done.stderr)
    rows = msgspec.json.decode(done.stdout or b"[]", type=list[dict[str, Any]])
    found = [
        Boot(row["index"], row["boot_id"], row["first_entry"] / 1e6, row["last_entry"] / 1e6) for row in rows
    ]
    return sorted(found, key=lambda boot: -boot.index)


async def fields(host: Host, cursor: str) -> list[tuple[str, str]]:
    """All fields of one entry, the address fields (`__…`) last. Raises NotFound."""
    argv = _argv(Query(), f"--cursor={checked_cursor(cursor)}", fields=False)
    async with aclosing(_lines(connections.get(host.pk), argv)) as lines:
        async for line in lines:
            found = msgspec.json.decode(line, type=dict[str, Any])
            if found.get("__CURSOR") != cursor:
                break
            return sorted(((name, plain(_bytes(value))) for name, value in found.items()), key=_field_order)
    raise NotFound("The journal has no such entry any more.")


def unit_of(fields: Mapping[str, str]) -> str:
    """The unit that an entry belongs to. UNIT, which any process can claim, is believed of systemd alone."""
    about = fields.get("UNIT", "") if fields.get("_PID") == "1" else ""
    return about or fields.get("_SYSTEMD_UNIT", "")


def _field_order(field: tuple[str, str]) -> tuple[int, str]:
    name = field[0]
    return (0 if name == "MESSAGE" else 3 if name.startswith("__") else 2 if name.startswith("_") else 1), name


# --- following --------------------------------------------------------------------------------------------------


async def follow(host: Host, query: Query, cursor: str = "") -> AsyncGenerator[Entry, None]:
    """The last PAGE entries (or all after `cursor`), then new ones for ever. Close it to end the host's part.

    journalctl ends by itself under a flood with rotation: it is started again after the last cursor.
    """
    connection = connections.get(host.pk)
    if not cursor:
        for known in (await before(host, query)).entries:
            cursor = known.cursor
            yield known
    while True:
        began = time.monotonic()
        # Never --lines: where no entry fits yet, journalctl would count them back from the first burst's end.
        place = [f"--after-cursor={checked_cursor(cursor)}"] if cursor else []
        async with aclosing(_lines(connection, _argv(query, "--follow", "--no-tail", *place))) as lines:
            async for line in lines:
                if entry := parse_entry(line):
                    cursor = entry.cursor
                    yield entry
        if time.monotonic() - began < 1.0:
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311  (jitter)


async def download(host: Host, query: Query, most: int) -> AsyncGenerator[bytes, None]:
    """The range as text, one entry a line, oldest first; cut, and said so, after `most` bytes."""
    argv = [
        "journalctl",
        "--quiet",
        "--all",
        "--no-pager",
        "--output=short-iso-precise",
        "--utc",
        *query.arguments(),
    ]
    process = await connections.get(host.pk).transport.spawn(argv)
    try:
        sent = 0
        while chunk := await process.read():
            sent += len(chunk)
            if sent > most:
                yield f"\n[cut after {most // 2**20} MiB; narrow the range to get the rest]\n".encode()
                return
            yield chunk
    finally:
        await process.close()


async def _lines(connection: Connection, argv: list[str]) -> AsyncGenerator[bytes, None]:
    """The lines a process prints; one that is longer than LONGEST_ENTRY is passed over."""
    process = await connection.transport.spawn(argv)
    rest = bytearray()
    try:
        while chunk := await process.read(256 * 1024):
            rest += chunk
            if b"\n" in chunk:
                *whole, last = rest.split(b"\n")
                rest = bytearray(last)
                for line in whole:
                    yield bytes(line)
            elif len(rest) > LONGEST_ENTRY:
                rest = bytearray(b"passed over:")
        await _check_end(process)
    finally:
        await process.close()


async def _check_end(process: Process) -> None:
    code = await process.wait()
    _check(code, await process.stderr())


def _check(code: int, stderr: bytes) -> None:
    said = plain(stderr[:500])
    if "ermission" in said or "not seeing messages" in said:
        raise NotAuthorised(said)
    if code not in (0, 1) or (code == 1 and said):
        raise Failed(said or f"journalctl ended with {code}")


def as_row(entry: Entry) -> list[object]:
    """An entry as pages get it: [cursor, time, priority, who, pid, unit, message]."""
    return [entry.cursor, entry.time, entry.priority, entry.who, entry.pid, entry.unit, entry.message]
