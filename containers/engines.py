"""The container engines of a host: the system's, and one for each login that is there and has its own.

One client an engine, shared by all who need it, for as long as the way to the host lives.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from console.errors import ConsoleError, NotFound, Unreachable
from containers.engine.podman import Podman
from hosts.connections import Connection, connections
from hosts.dbus.login1 import Login1
from hosts.transport.base import Transport

SYSTEM_SOCKET = "/run/podman/podman.sock"
MOST_LOGINS = 32


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens on the host. `owner`: "" for the system's, else a login."""

    owner: str
    path: str
    uid: int | None = None


SYSTEM = Address("", SYSTEM_SOCKET)


async def addresses(connection: Connection) -> tuple[Address, ...]:
    """The system's engine always; a login's own where its socket is. Of many logins the first ones."""
    logins = await Login1(await connection.system_bus()).list_users()
    found = [SYSTEM]
    for uid, login in sorted(logins)[:MOST_LOGINS]:
        if uid and await _has_socket(connection, uid):
            found.append(Address(login, f"/run/user/{uid}/podman/podman.sock", uid))
    return tuple(found)


async def _has_socket(connection: Connection, uid: int) -> bool:
    try:
        return "podman.sock" in await connection.transport.list_folder(f"/run/user/{uid}/podman")
    except Unreachable:
        raise
    except ConsoleError:  # the folder of a login that Vigie's own may not read
        return False


class Engines:
    """All clients of this process."""

    def __init__(self) -> None:
        self._addresses: dict[int, dict[str, Address]] = {}
        self._clients: dict[tuple[int, str], tuple[Transport, Podman]] = {}
        self._locks: dict[tuple[int, str], asyncio.Lock] = {}

    def know(self, host_id: int, found: tuple[Address, ...]) -> None:
        self._addresses[host_id] = {address.owner: address for address in found}

    def address(self, host_id: int, owner: str) -> Address:
        """Raises NotFound for a login without an engine."""
        known = self._addresses.get(host_id, {"": SYSTEM}).get(owner)
        if known is None:
            raise NotFound(f"{owner} has no container engine on this host.")
        return known

    async def get(self, host_id: int, owner: str) -> Podman:
        """Raises NotFound, NoEngine, NotAuthorised, Unsupported, or why the host cannot be reached."""
        address = self.address(host_id, owner)
        transport = connections.get(host_id).transport
        known = self._clients.get((host_id, owner))
        if known and known[0] is transport:
            return known[1]
        async with self._locks.setdefault((host_id, owner), asyncio.Lock()):
            return await self._connect(host_id, transport, address)

    async def _connect(self, host_id: int, transport: Transport, address: Address) -> Podman:
        known = self._clients.pop((host_id, address.owner), None)
        if known and known[0] is transport:
            self._clients[host_id, address.owner] = known
            return known[1]
        if known:
            await known[1].close()
        path = await transport.socket(address.path, as_user=address.owner)
        podman = await Podman.connect(path)
        self._clients[host_id, address.owner] = (transport, podman)
        return podman

    async def forget(self, host_id: int) -> None:
        """The way is lost or the host removed: close what stood on it."""
        self._addresses.pop(host_id, None)
        for key in [key for key in self._clients if key[0] == host_id]:
            self._locks.pop(key, None)
            await self._clients.pop(key)[1].close()


engines = Engines()
