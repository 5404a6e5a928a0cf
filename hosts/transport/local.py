"""This machine: the same contract, without a network between."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial

from console.errors import Disconnected
from hosts.transport import privilege
from hosts.transport.base import Completed, Process, Pty, Target
from hosts.transport.bridge import Bridge, bridge_argv, is_bus
from hosts.transport.completion import complete
from hosts.transport.files import Files
from hosts.transport.local_process import LocalProcess
from hosts.transport.privilege import Login

# Nothing else of Vigie's own environment, which holds secrets, reaches a process.
KEPT = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": PATH}


class LocalTransport(Files):
    """See `Transport`. Made by `LocalTransport.connect`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._user = pwd.getpwuid(os.geteuid())
        self._environment: Mapping[str, str] = environment()
        self._processes: set[LocalProcess] = set()
        self._logins: dict[str, Login] = {}
        self._bridges: dict[tuple[str, str], tuple[Bridge, str]] = {}
        self._opening_socket = asyncio.Lock()
        self._folder = ""
        self._closed = asyncio.Event()

    @classmethod
    async def connect(cls, target: Target) -> LocalTransport:
        """Raises SudoNeedsPassword."""
        transport = cls(target)
        if target.sudo:
            privilege.check_sudo(await transport.run(["true"], timeout=10))
        return transport

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        limit: int = 4 * 1024 * 1024,
        as_user: str = "",
    ) -> Completed:
        return await complete(await self._start(argv, None, as_user), stdin, timeout, limit)

    async def spawn(self, argv: Sequence[str], *, pty: Pty | None = None, as_user: str = "") -> Process:
        return await self._start(argv, pty, as_user)

    async def _start(self, argv: Sequence[str], pty: Pty | None, as_user: str) -> LocalProcess:
        if self._closed.is_set():
            raise Disconnected("the way to this machine is closed")
        wanted = privilege.with_environment(argv, pty)
        command = privilege.elevated(self.target, wanted, await self._login(as_user))
        command = command or [self._user.pw_shell or "/bin/sh", "-l"]
        # env: a command that does not exist ends with 127 and says so, as over SSH
        process = await LocalProcess.start(["env", "--", *command], self._environment, pty)
        self._processes = {known for known in self._processes if known.running} | {process}
        return process

    async def _login(self, as_user: str) -> Login | None:
        own = "root" if self.target.sudo else self._user.pw_name
        if not as_user or as_user == own:
            return None
        if as_user not in self._logins:
            answer = await self.run(privilege.login_query(as_user))
            self._logins[as_user] = privilege.parse_login(as_user, answer)
        return self._logins[as_user]

    async def socket(self, path: str, *, as_user: str = "") -> str:
        if not self._needs_bridge(path, as_user):
            return path
        async with self._opening_socket:
            wanted = (path, as_user)
            if wanted not in self._bridges:
                self._bridges[wanted] = await self._open_bridge(path, as_user)
            return self._bridges[wanted][1]

    async def _open_bridge(self, path: str, as_user: str) -> tuple[Bridge, str]:
        self._folder = self._folder or tempfile.mkdtemp(prefix="vigie-")
        local = f"{self._folder}/{len(self._bridges)}"
        bridge = Bridge(local, partial(self.spawn, bridge_argv(path), as_user=as_user if is_bus(path) else ""))
        await bridge.open()
        return bridge, local

    def _needs_bridge(self, path: str, as_user: str) -> bool:
        if self.target.sudo:
            return as_user != self._user.pw_name
        return bool(as_user) and as_user != self._user.pw_name and is_bus(path)

    async def probe(self) -> None:
        if self._closed.is_set():
            raise Disconnected("the way to this machine is closed")

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def close(self) -> None:
        self._closed.set()
        bridges = tuple(bridge for bridge, _ in self._bridges.values())
        self._bridges.clear()
        await asyncio.gather(*(bridge.close() for bridge in bridges))
        await asyncio.gather(*(process.close() for process in tuple(self._processes)))
        self._processes.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
