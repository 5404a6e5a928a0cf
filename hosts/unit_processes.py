"""The processes of a unit: who they are from systemd, what they use from one read of /proc/PID/stat for all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from hosts.connections import Connection
from hosts.dbus.systemd_units import UnitProcess
from hosts.transport.base import Transport

MOST = 200  # processes that are shown
_STAT = re.compile(rb"^(\d{1,10}) \(.*\) [A-Za-z] ((?:-?\d{1,20} ?){20,})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds`: since the process began; `memory`: resident bytes; `began`: tells a later process of the same id."""

    cpu_seconds: float
    memory: int
    began: int


@dataclass(frozen=True, slots=True)
class Process:
    """`cpu`: percent of one core since the reading before, None at the first. `command` is the host's text."""

    pid: int
    command: str
    cgroup: str
    cpu: float | None
    cpu_seconds: float | None
    memory: int | None
    is_main: bool


def parse_stats(text: bytes, ticks: int, page_size: int) -> dict[int, Usage]:
    """What `cat /proc/1/stat /proc/2/stat ...` prints. A process's name may hold anything, a line break included."""
    found = {}
    for line in re.split(rb"\n(?=\d+ \()", text):
        if match := _STAT.match(line):
            fields = [int(field) for field in match[2].split()]
            found[int(match[1])] = Usage(
                (fields[10] + fields[11]) / ticks, max(0, fields[20]) * page_size, fields[18]
            )
    return found


class Reader:
    """Reads the processes of one unit again and again; knows what each had used at the last reading."""

    def __init__(self) -> None:
        self._before: dict[int, Usage] = {}
        self._read = 0.0
        self._units: tuple[int, int] | None = None

    async def read(
        self, connection: Connection, listed: Iterable[UnitProcess], main: int | None
    ) -> tuple[Process, ...]:
        shown = sorted(listed, key=lambda process: (process.pid != main, process.pid))[:MOST]
        usage = await self._usage(connection.transport, [process.pid for process in shown]) if shown else {}
        now, before = time.monotonic(), self._before
        seconds = now - self._read
        self._before, self._read = usage, now
        return tuple(
            _process(process, main, usage.get(process.pid), before.get(process.pid), seconds)
            for process in shown
        )

    async def _usage(self, transport: Transport, pids: list[int]) -> dict[int, Usage]:
        if self._units is None:
            self._units = await _units_of(transport)
        answer = await transport.run(["cat", "--", *(f"/proc/{pid}/stat" for pid in pids)])
        return parse_stats(answer.stdout, *self._units)


async def _units_of(transport: Transport) -> tuple[int, int]:
    """(clock ticks a second, bytes a page)."""
    found = []
    for name, usual in (("CLK_TCK", 100), ("PAGESIZE", 4096)):
        answer = await transport.run(["getconf", name])
        text = answer.stdout.strip()
        found.append(int(text) if text.isdigit() and int(text) else usual)
    return found[0], found[1]


def _process(
    process: UnitProcess, main: int | None, now: Usage | None, before: Usage | None, seconds: float
) -> Process:
    cpu = None
    if now and before and now.began == before.began and seconds > 0:
        cpu = max(0.0, (now.cpu_seconds - before.cpu_seconds) / seconds * 100)
    return Process(
        process.pid,
        process.cmdline,
        process.cgroup,
        cpu,
        now.cpu_seconds if now else None,
        now.memory if now else None,
        process.pid == main,
    )
