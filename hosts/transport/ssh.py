"""A host over SSH: one connection, and more where many processes are streamed at once."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import asyncssh

from console.errors import AnswerTimedOut, Busy, Disconnected, Failed, KeyRejected
from hosts.transport import keys, privilege
from hosts.transport.base import Completed, Process, Pty, Target
from hosts.transport.bridge import Bridge, bridge_argv, is_bus
from hosts.transport.completion import complete
from hosts.transport.files import Files
from hosts.transport.privilege import Login
from hosts.transport.ssh_errors import connected, connecting
from hosts.transport.ssh_process import SshProcess

# sshd's MaxSessions is 10 a connection. On the first one half is for short commands, which wait for their turn, half for
# streams; further streams get connections of their own.
SHORT = 4
STREAMS = 4
STREAMS_ON_OTHERS = 8
OTHERS = 3
IDLE_SECONDS = 30.0
OPEN_SECONDS = 15.0
WINDOW = 512 * 1024  # bytes sshd may send ahead of a slow reader


class Lane:
    """One SSH connection and the streamed processes on it."""

    def __init__(self, connection: asyncssh.SSHClientConnection, room: int) -> None:
        self.connection = connection
        self.room = room
        self.streams: set[SshProcess] = set()
        self.opening = 0

    def free(self) -> bool:
        return len(self.streams) + self.opening < self.room and not self.connection.is_closed()


@asynccontextmanager
async def turn(semaphore: asyncio.Semaphore, timeout: float) -> AsyncIterator[None]:
    """Raises AnswerTimedOut when the turn does not come in time."""
    try:
        async with asyncio.timeout(timeout):
            await semaphore.acquire()
    except TimeoutError as error:
        raise AnswerTimedOut("earlier commands on this host do not end") from error
    try:
        yield
    finally:
        semaphore.release()


async def open_session(
    connection: asyncssh.SSHClientConnection,
    session: Callable[[], SshProcess],
    argv: Sequence[str],
    pty: Pty | None,
) -> SshProcess:
    """sshd counts a session that has just ended for a moment longer: a refusal is tried again."""
    for pause in (0.02, 0.05, 0.1, 0.2, 0.4, None):
        try:
            _, process = await connection.create_session(
                session,
                shlex.join(argv) if argv else None,  # SSH carries one string: quoted here, and nowhere else
                encoding=None,
                window=WINDOW,
                request_pty="force" if pty else False,
                term_type=pty.term if pty else None,
                term_size=(pty.columns, pty.rows) if pty else (),
            )
            return process
        except asyncssh.ChannelOpenError:
            if pause is None or connection.is_closed():
                raise
            await asyncio.sleep(pause)
    raise AssertionError("the last attempt either returns or raises")


def abandon(opening: asyncio.Task[SshProcess]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().abandon()


class SshTransport(Files):
    """See `Transport`. Made by `SshTransport.connect`."""

    def __init__(self, target: Target, key_path: Path, connection: asyncssh.SSHClientConnection) -> None:
        self.target = target
        self._key_path = key_path
        self._main = Lane(connection, STREAMS)
        self._lanes = [self._main]
        self._short = asyncio.Semaphore(SHORT)
        self._opening_lane = asyncio.Lock()
        self._opening_socket = asyncio.Lock()
        self._processes: set[SshProcess] = set()
        self._logins: dict[str, Login] = {}
        self._sockets: dict[tuple[str, str], str] = {}
        self._bridges: list[Bridge] = []
        self._folder = ""
        self._closing = False

    @classmethod
    async def connect(cls, target: Target, key_path: Path) -> SshTransport:
        """Raises NameNotResolved, ConnectionRefused, ConnectionTimedOut, KeyRejected, HostKeyUnknown, HostKeyChanged,
        SudoNeedsPassword."""
        transport = cls(target, key_path, await cls._sign_in(target, key_path))
        if target.sudo:
            try:
                privilege.check_sudo(await transport.run(["true"], timeout=keys.CONNECT_SECONDS))
            except BaseException:
                await transport.close()
                raise
        return transport

    @staticmethod
    async def _sign_in(target: Target, key_path: Path) -> asyncssh.SSHClientConnection:
        with connecting():
            return await keys.sign_in(target, client_keys=[keys.load(key_path)], preferred_auth=["publickey"])

    # --- processes -------------------------------------------------------------------------------------------

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        limit: int = 4 * 1024 * 1024,
        as_user: str = "",
    ) -> Completed:
        command = privilege.elevated(self.target, argv, await self._login(as_user))
        started = time.monotonic()
        async with turn(self._short, timeout):
            process = await self._short_process(command, timeout)
            return await complete(process, stdin, timeout - (time.monotonic() - started), limit)

    async def spawn(self, argv: Sequence[str], *, pty: Pty | None = None, as_user: str = "") -> Process:
        wanted = privilege.with_environment(argv, pty)
        command = privilege.elevated(self.target, wanted, await self._login(as_user))
        return await self._streamed(command, pty)

    async def _short_process(self, command: Sequence[str], timeout: float) -> SshProcess:
        try:
            return await self._start(self._main.connection, command, None, timeout=timeout)
        except Failed:  # this sshd allows so few sessions that streams take them all
            return await self._streamed(command, None)

    async def _streamed(self, command: Sequence[str], pty: Pty | None) -> SshProcess:
        while True:
            lane = await self._lane()
            try:
                return await self._stream(lane, command, pty)
            except Failed:
                if not lane.streams:
                    raise
                lane.room = len(lane.streams)  # this sshd allows fewer sessions than usual

    async def _stream(self, lane: Lane, command: Sequence[str], pty: Pty | None) -> SshProcess:
        lane.opening += 1
        try:
            process = await self._start(lane.connection, command, pty, partial(self._stream_ended, lane))
            if process.running:
                lane.streams.add(process)
            return process
        finally:
            lane.opening -= 1

    async def _start(
        self,
        connection: asyncssh.SSHClientConnection,
        argv: Sequence[str],
        pty: Pty | None,
        on_end: Callable[[SshProcess], None] | None = None,
        timeout: float = OPEN_SECONDS,
    ) -> SshProcess:
        """A channel that opens only after we stopped waiting is closed then."""

        def session() -> SshProcess:
            return SshProcess(terminal=pty is not None, on_end=partial(self._ended, on_end))

        opening = asyncio.create_task(open_session(connection, session, argv, pty), name="open a session")
        process = None
        try:
            async with asyncio.timeout(timeout):
                with connected():
                    process = await asyncio.shield(opening)
        except TimeoutError as error:
            raise AnswerTimedOut("the host did not open a session in time") from error
        finally:
            if process is None:
                opening.add_done_callback(abandon)
        if process.running:
            self._processes.add(process)
        return process

    def _ended(self, on_end: Callable[[SshProcess], None] | None, process: SshProcess) -> None:
        self._processes.discard(process)
        if on_end is not None:
            on_end(process)

    # --- connections -----------------------------------------------------------------------------------------

    async def _lane(self) -> Lane:
        """A connection with room for one more stream. Raises Busy."""
        async with self._opening_lane:
            if self._main.connection.is_closed():
                raise Disconnected("the connection to the host was lost")
            self._lanes = [
                lane for lane in self._lanes if lane is self._main or not lane.connection.is_closed()
            ]
            for lane in self._lanes:
                if lane.free():
                    return lane
            if len(self._lanes) > OTHERS:
                raise Busy(
                    "too many streams of this host are open", remedy="Close some terminals or logs of it."
                )
            lane = Lane(await self._sign_in(self.target, self._key_path), STREAMS_ON_OTHERS)
            self._lanes.append(lane)
            return lane

    def _stream_ended(self, lane: Lane, process: SshProcess) -> None:
        lane.streams.discard(process)
        if lane is not self._main:
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close_idle, lane)

    def _close_idle(self, lane: Lane) -> None:
        if not lane.streams and not lane.opening and lane in self._lanes:
            self._lanes.remove(lane)
            lane.connection.close()

    async def _login(self, as_user: str) -> Login | None:
        """None where nothing needs to change. Raises NotFound, InvalidInput."""
        own = "root" if self.target.sudo else self.target.user
        if not as_user or as_user == own:
            return None
        if as_user not in self._logins:
            answer = await self.run(privilege.login_query(as_user))
            self._logins[as_user] = privilege.parse_login(as_user, answer)
        return self._logins[as_user]

    # --- sockets ---------------------------------------------------------------------------------------------

    async def socket(self, path: str, *, as_user: str = "") -> str:
        async with self._opening_socket:
            wanted = (path, as_user)
            if wanted not in self._sockets:
                self._sockets[wanted] = await self._open_socket(path, as_user)
            return self._sockets[wanted]

    async def _open_socket(self, path: str, as_user: str) -> str:
        if self._main.connection.is_closed():
            raise Disconnected("the connection to the host was lost")
        self._folder = self._folder or tempfile.mkdtemp(prefix="vigie-")
        local = f"{self._folder}/{len(self._sockets)}"
        if self._needs_bridge(path, as_user):
            login = as_user if is_bus(path) else ""
            bridge = Bridge(local, partial(self.spawn, bridge_argv(path), as_user=login))
            await bridge.open()
            self._bridges.append(bridge)
        else:
            await self._forward(local, path)
        return local

    async def _forward(self, local: str, path: str) -> None:
        """Opened to its end even when the caller gives up: half open it would listen for ever."""
        opening = asyncio.ensure_future(self._main.connection.forward_local_path(local, path))
        try:
            with connected():
                await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(OSError, asyncssh.Error):
                (await opening).close()
            raise

    def _needs_bridge(self, path: str, as_user: str) -> bool:
        """sshd opens sockets as the login that signed in; a user's bus answers that user alone."""
        if self.target.sudo:
            return as_user != self.target.user
        return bool(as_user) and as_user != self.target.user and is_bus(path)

    # --- the connection's life -------------------------------------------------------------------------------

    async def probe(self) -> None:
        with connected():
            # the one request that sshd answers without opening anything; asyncssh has no public name for it
            await self._main.connection._make_global_request(b"keepalive@openssh.com")
        if self._main.connection.is_closed():
            raise Disconnected("the connection to the host was lost")

    async def wait_closed(self) -> None:
        await self._main.connection.wait_closed()

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        try:
            await asyncio.gather(*(bridge.close() for bridge in self._bridges))
            await asyncio.gather(*(process.close() for process in tuple(self._processes)))
        finally:
            for lane in self._lanes:
                lane.connection.abort() if self._main.connection.is_closed() else lane.connection.close()
            await self._wait_all_closed()
            await asyncio.sleep(0.01)  # forwarded sockets are closed in the loop's next rounds
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    async def _wait_all_closed(self) -> None:
        """A host that does not answer any more is not waited for."""
        try:
            async with asyncio.timeout(2):
                await asyncio.gather(*(lane.connection.wait_closed() for lane in self._lanes))
        except TimeoutError:
            for lane in self._lanes:
                lane.connection.abort()


PASSWORD_WAYS = ["password", "keyboard-interactive"]
APPEND = """umask 077; cd; mkdir -p .ssh; IFS= read -r key; touch .ssh/authorized_keys
grep -qxF -- "$key" .ssh/authorized_keys || printf '%s\\n' "$key" >> .ssh/authorized_keys"""


async def install_key(target: Target, password: str, public_line: str) -> None:
    """Sign in once with a password, and put the key into ~/.ssh/authorized_keys unless it is there. The key comes by
    stdin to a fixed script. Raises KeyRejected when the password is wrong, and what `connect` raises."""
    with connecting():
        connection = await keys.sign_in(
            target, client_keys=None, password=password, preferred_auth=PASSWORD_WAYS
        )
    try:
        with connected():
            answer = await connection.run(
                shlex.join(["sh", "-c", APPEND]), input=f"{public_line}\n", timeout=20
            )
    finally:
        connection.abort()
    if answer.exit_status:
        raise KeyRejected(f"the key could not be installed: {str(answer.stderr).strip()[:300]}")
