"""Live terminals: a shell on a PTY of the host, which outlives the page that shows it by a minute.

A terminal belongs to one session of one user, on one host, as one login there. It ends with the shell, with the
session or the right, with the connection, a minute after its page went away, or when Vigie stops. The audit log gets
who, where and how long; never what was typed or printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import time
from collections import OrderedDict
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from console import audit, sessions
from console.access import rights_of
from console.errors import Busy, ConsoleError
from console.models import User
from console.supervisor import supervisor
from hosts.connections import connections
from hosts.models import Host
from hosts.scrollback import Scrollback
from hosts.transport.base import Process, Pty, Transport

logger = logging.getLogger(__name__)
GRACE, RECHECK, CLOSING = 60.0, 5.0, 10.0  # seconds
QUIET = 0.5  # seconds without output, after which an ended shell's terminal is taken to be empty
SCROLLBACK, CHUNK = 256 * 1024, 32 * 1024  # bytes
TYPED = 1024 * 1024  # bytes that wait for the host to read them
HIDDEN_RATE = (
    1024 * 1024
)  # bytes/s read on behalf of a hidden tab, so that long work goes on there, at a bounded cost
PER_USER, PER_HOST = 12, 8  # each is a session of the host's sshd
REMEMBERED = 256  # ended terminals, and pages that may open one
INVITED = 300.0  # seconds
Key = tuple[int, int, str]  # user, host, the terminal's own id


def terminal_size(columns: object, rows: object) -> Pty:
    """A PTY of the size that a page asks for, kept within reason."""

    def within(value: object, fallback: int, least: int, most: int) -> int:
        number = (
            int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else fallback
        )
        return min(max(number, least), most)

    return Pty(within(columns, 80, 2, 500), within(rows, 24, 1, 300))


def own_login(host: Host) -> str:
    """Who Vigie signs in as."""
    return host.user if host.kind == Host.Kind.SSH else pwd.getpwuid(os.geteuid()).pw_name


async def _login_shell(transport: Transport, login: str, own: str, pty: Pty) -> Process:
    """Raises NotFound, InvalidInput."""
    if login == own:
        return await transport.spawn([], pty=pty)
    if login == "root" and transport.target.sudo:  # there, root is who Vigie is, but not who it signs in as
        return await transport.spawn(["runuser", "-l", "root"], pty=pty)
    return await transport.spawn([], pty=pty, as_user=login)


class TooManyTerminals(Busy):
    code = "too-many-terminals"
    title = "Too many terminals are open"
    remedy = "End one of them, or close its page and wait a minute."


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose terminal it is. `session_key`: of the session that it ends with."""

    user: User
    session_key: str
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why there is no more output. reason: "exited", "lost", "left", "denied", "ended", "stopped", or "taken" (by another
    page; the terminal itself goes on). `code`: the shell's exit code, -N for signal N."""

    reason: str
    title: str
    detail: str = ""
    code: int | None = None


LEFT = Ending("left", "The page was away for more than a minute, so the terminal was ended")
DENIED = Ending("denied", "The session or the right ended, and the terminal with it")
ENDED = Ending("ended", "Ended")
STOPPED = Ending("stopped", "Vigie was stopped")
TAKEN = Ending("taken", "This terminal is shown by another page now")


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of the terminal up to the offset `end`. `replay`: a page showed them before, so what a terminal would answer
    to them has been answered. `skipped`: bytes before them that are not kept any more."""

    data: bytes
    end: int
    replay: bool = False
    skipped: int = 0


class Reader:
    """One page's place in the output of a terminal."""

    def __init__(self, terminal: Terminal, offset: int, known: int) -> None:
        """`known`: up to here it is a replay."""
        self._terminal, self._known = terminal, known
        self.offset = offset

    async def next(self) -> Output | Ending:
        """The next bytes; the Ending once there are no more."""
        terminal = self._terminal
        while terminal.reader is self:
            if output := self._take():
                return output
            if terminal.ending:
                return terminal.ending
            await terminal.changed()
        return TAKEN

    def _take(self) -> Output | None:
        kept = self._terminal.scrollback
        start = self.offset if self.offset >= kept.start else kept.whole_lines()
        skipped, replay = start - self.offset, start < self._known
        most = min(CHUNK, self._known - start) if replay else CHUNK
        data = kept.read(start, most)
        if not data:
            return None
        self.offset = start + len(data)
        self._terminal.take(self.offset)
        return Output(data, self.offset, replay, skipped)


class Terminal:
    """One shell. `reader`: the page that shows it at present."""

    def __init__(self, key: Key, owner: Owner, host: Host, login: str, process: Process) -> None:
        self.key, self.owner, self.host, self.login = key, owner, host, login
        self.opened_at = timezone.now()
        self.scrollback = Scrollback(SCROLLBACK)
        self.delivered = 0  # the offset up to which some page was given the output
        self.reader: Reader | None = None
        self.hidden = False  # the page's tab is in the background
        self.ending: Ending | None = None
        self._process = process
        self._alone_since = time.monotonic()
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._typed_size = 0
        self._changed = asyncio.Event()
        self._asked: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._reading_since: float | None = None

    @property
    def id(self) -> str:
        return self.key[2]

    @property
    def attached(self) -> bool:
        return self.reader is not None

    # --- what a page does

    def attach(self, offset: int | None = None) -> Reader:
        """Show it. `offset`: where the page's screen ends; None for a new screen, which gets what is still kept."""
        if offset is not None and self.scrollback.start <= offset <= self.scrollback.end:
            self.reader = Reader(self, offset, known=offset)
        else:
            self.reader = Reader(self, self.scrollback.whole_lines(), known=self.delivered)
        self.hidden = False
        self._tell()
        return self.reader

    def detach(self, reader: Reader) -> None:
        if self.reader is reader:
            self.reader, self.hidden, self._alone_since = None, False, time.monotonic()

    def hide(self, hidden: bool) -> None:
        self.hidden = hidden
        self._tell()

    def type(self, data: bytes) -> bool:
        """Queue input. False when the host has not read what was typed before; nothing of `data` is sent then."""
        if self._typed_size + len(data) > TYPED:
            return False
        self._typed_size += len(data)
        self._typed.put_nowait(data)
        return True

    def resize(self, columns: int, rows: int) -> None:
        if not self.ending:
            self._process.resize(columns, rows)

    def end(self, ending: Ending = ENDED) -> None:
        if not self._asked.done():
            self._asked.set_result(ending)

    # --- what a Reader uses

    def take(self, offset: int) -> None:
        self.delivered = max(self.delivered, offset)
        self._tell()

    async def changed(self) -> None:
        await self._changed.wait()

    def _tell(self) -> None:
        """Wake all that wait, once."""
        self._changed.set()
        self._changed = asyncio.Event()

    # --- its life

    async def run(self) -> None:
        """Until the first of: the shell ends, it is asked to end, it may not go on. Then nothing is left of it."""
        works: list[Coroutine[Any, Any, Ending]] = [self._shell(), self._guard(), self._asked_to_end()]
        tasks = [asyncio.create_task(work) for work in works]
        ending = STOPPED
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ending = done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close(ending)

    async def _close(self, ending: Ending) -> None:
        self.ending = ending
        self._tell()
        with contextlib.suppress(
            TimeoutError, ConsoleError
        ):  # then the host is away, and its shell has lost its terminal
            await asyncio.wait_for(self._process.close(), CLOSING)

    async def _asked_to_end(self) -> Ending:
        return await self._asked

    async def _shell(self) -> Ending:
        pump, exited = asyncio.create_task(self._pump()), asyncio.create_task(self._process.wait())
        typing = asyncio.create_task(self._write())
        try:
            await asyncio.wait({pump, exited}, return_when=asyncio.FIRST_COMPLETED)
            await self._drain(pump)
            code = await asyncio.wait_for(exited, CLOSING)
            return Ending("exited", "The shell ended", code=code)
        except (ConsoleError, TimeoutError) as error:
            return Ending("lost", "The connection to the host was lost, and the shell with it", str(error))
        finally:
            for task in (pump, exited, typing):
                task.cancel()
            await asyncio.gather(pump, exited, typing, return_exceptions=True)

    async def _pump(self) -> None:
        """From the host into the scrollback, as long as there is room; a reader makes room."""
        while True:
            while not (room := self._room()):
                await self.changed()
            self._reading_since = time.monotonic()
            data = await self._process.read(min(room, CHUNK))
            self._reading_since = None
            if not data:
                return
            self.scrollback.append(data)
            self._tell()
            if self.hidden:
                await asyncio.sleep(len(data) / HIDDEN_RATE)

    def _room(self) -> int:
        return CHUNK if self.hidden else max(0, SCROLLBACK - (self.scrollback.end - self.delivered))

    async def _drain(self, pump: asyncio.Task[None]) -> None:
        """The shell has ended. What it printed last may still come; what it left running may hold the terminal open."""
        while not pump.done():
            quiet = self._reading_since and time.monotonic() - self._reading_since > QUIET
            if quiet:
                return
            await asyncio.wait({pump}, timeout=QUIET / 5)
        await pump

    async def _write(self) -> None:
        while True:
            data = await self._typed.get()
            await self._process.write(data)
            self._typed_size -= len(data)

    async def _guard(self) -> Ending:
        while True:
            await asyncio.sleep(RECHECK)
            if not self.attached and time.monotonic() - self._alone_since > GRACE:
                return LEFT
            if not await self._allowed():
                return DENIED

    async def _allowed(self) -> bool:
        user = await sessions.user_of(self.owner.session_key)
        host = await Host.objects.filter(pk=self.host.pk).afirst()
        if user is None or host is None:
            return False
        return (await rights_of(user)).allows("hosts.terminal", host, self.login)


class Terminals:
    """All live terminals of this process, and how the latest others ended."""

    def __init__(self) -> None:
        self._live: dict[Key, Terminal] = {}
        self._opening: dict[Key, asyncio.Task[Terminal]] = {}
        self._ended: OrderedDict[Key, Ending] = OrderedDict()
        self._invited: OrderedDict[tuple[Key, str], float] = OrderedDict()

    def invite(self, owner: Owner, host: Host, terminal_id: str) -> None:
        """A page was shown to a user who has just said who they are: its stream may open this terminal."""
        self._invited[(owner.user.pk, host.pk, terminal_id), owner.session_key] = time.monotonic()
        if len(self._invited) > REMEMBERED:
            self._invited.popitem(last=False)

    def invited(self, owner: Owner, host: Host, terminal_id: str) -> bool:
        shown = self._invited.get(((owner.user.pk, host.pk, terminal_id), owner.session_key))
        return shown is not None and time.monotonic() - shown < INVITED

    def find(self, owner: Owner, host: Host, terminal_id: str) -> Terminal | Ending | None:
        """None: there never was one. Another session's terminal does not exist."""
        key = (owner.user.pk, host.pk, terminal_id)
        terminal = self._live.get(key)
        if terminal and terminal.owner.session_key != owner.session_key:
            return DENIED
        return terminal or self._ended.get(key)

    def of(self, owner: Owner, host: Host) -> list[Terminal]:
        """This session's terminals on the host, oldest first."""
        return [
            terminal
            for key, terminal in self._live.items()
            if key[:2] == (owner.user.pk, host.pk) and terminal.owner.session_key == owner.session_key
        ]

    async def open(self, owner: Owner, host: Host, terminal_id: str, login: str, pty: Pty) -> Terminal:
        """Start the login shell of `login`, "" for the one that Vigie signs in as. Asked for twice at once, it is one.

        Raises TooManyTerminals, NotFound (no such login), or why the host is not online.
        """
        key = (owner.user.pk, host.pk, terminal_id)
        if key not in self._opening:
            self._check_limits(owner.user.pk, host.pk)
            login = login or own_login(host)
            starting = _login_shell(connections.get(host.pk).transport, login, own_login(host), pty)
            work = self._open(key, owner, host, login, starting)
            task = self._opening[key] = supervisor.spawn(f"open terminal on {host.name}", work)
            task.add_done_callback(lambda _: self._opening.pop(key, None))
        return await asyncio.shield(self._opening[key])

    def _check_limits(self, user_id: int, host_id: int) -> None:
        keys = [*self._live, *self._opening]
        if sum(key[0] == user_id for key in keys) >= PER_USER:
            raise TooManyTerminals(f"You have {PER_USER} open, which is the most for one user.")
        if sum(key[1] == host_id for key in keys) >= PER_HOST:
            raise TooManyTerminals(f"This host has {PER_HOST} open, which is the most for one host.")

    async def _open(
        self, key: Key, owner: Owner, host: Host, login: str, starting: Awaitable[Process]
    ) -> Terminal:
        terminal = Terminal(key, owner, host, login, process := await starting)
        try:
            await self._record(terminal, "terminal.opened")
        except BaseException:  # what cannot be recorded does not happen
            await process.close()
            raise
        self._live[key] = terminal
        supervisor.spawn(f"terminal on {host.name}", self._keep(terminal))
        return terminal

    async def _keep(self, terminal: Terminal) -> None:
        try:
            await terminal.run()
        finally:
            del self._live[terminal.key]
            self._ended[terminal.key] = ending = terminal.ending or STOPPED
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
            seconds = round((timezone.now() - terminal.opened_at).total_seconds())
            await self._record(
                terminal, "terminal.closed", reason=ending.reason, code=ending.code, seconds=seconds
            )

    async def _record(self, terminal: Terminal, action: str, **detail: Any) -> None:
        await audit.arecord(
            action,
            actor=terminal.owner.user.get_username(),
            ip=terminal.owner.ip,
            target=f"{terminal.host.name} {terminal.login}".strip(),
            detail={"terminal": terminal.id, **detail},
        )


terminals = Terminals()
