"""The floor of the domain: a host's live transport and its buses. Everything above asks here."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from django.conf import settings

from console.errors import NotFound
from hosts.dbus.bus import Bus
from hosts.models import LOGIN, Host
from hosts.transport.base import Target, Transport
from hosts.transport.pool import Pool, opener

SYSTEM_BUS = "/run/dbus/system_bus_socket"
KEY_PATH = settings.DATA_DIR / "ssh" / "id_ed25519"


def target_of(host: Host) -> Target:
    return Target(host.pk, host.name, host.kind, host.address, host.port, host.user, host.sudo, host.host_key)


class Connection:
    """One live way to a host; its D-Bus connections are made when first wanted and shared by all."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.host_id = transport.target.id
        self._buses: dict[str, Bus] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # a slow login holds up itself

    async def system_bus(self) -> Bus:
        """Raises NoDBus, or an Unreachable."""
        return await self._bus("", SYSTEM_BUS)

    async def user_bus(self, login: str) -> Bus:
        """The bus of a login's own manager (`systemctl --user`). Raises NotFound for a login that is not there."""
        return await self._bus(login, f"/run/user/{await self._uid(login)}/bus")

    async def _uid(self, login: str) -> int:
        if not LOGIN.fullmatch(login):
            raise NotFound(f"{login!r} cannot be a login.")
        answer = await self.transport.run(["id", "-u", "--", login])
        if answer.code != 0:
            raise NotFound(f"The host has no login {login}.")
        return int(answer.stdout)

    async def _bus(self, login: str, path: str) -> Bus:
        async with self._locks[login]:
            bus = self._buses.get(login)
            if bus is None or bus.closed:
                local_path = await self.transport.socket(path, as_user=login)
                bus = self._buses[login] = await Bus.connect(local_path)
            return bus

    async def close(self) -> None:
        buses, self._buses = self._buses, {}
        for bus in buses.values():
            await bus.close()


class Connections:
    """All live connections of this process."""

    def __init__(self) -> None:
        self.pool = Pool(opener(KEY_PATH))
        self._connections: dict[int, Connection] = {}

    def get(self, host_id: int) -> Connection:
        """Raises the host's present ConsoleError at once when it is not online."""
        transport = self.pool.get(host_id)
        known = self._connections.get(host_id)
        if known is None or known.transport is not transport:
            known = self._connections[host_id] = Connection(transport)
        return known

    async def forget(self, host_id: int) -> None:
        """The way is lost: close what stood on it."""
        connection = self._connections.pop(host_id, None)
        if connection:
            await connection.close()


connections = Connections()
