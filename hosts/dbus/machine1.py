"""org.freedesktop.machine1: nspawn machines and virtual machines that are registered with machined, and images.

Machined starts nothing: a machine with an image is started through systemd, as the unit `systemd-nspawn@NAME.service`
(`Machine.unit` names the unit of one that runs).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hosts.dbus.bus import Bus, Signal, Subscription
from hosts.dbus.systemd_names import escape
from hosts.dbus.values import hexadecimal, moment, number, prop, read, text

NAME = "org.freedesktop.machine1"
PATH = "/org/freedesktop/machine1"
MANAGER = "org.freedesktop.machine1.Manager"
MACHINE = "org.freedesktop.machine1.Machine"


@dataclass(frozen=True, slots=True)
class ListedMachine:
    """A row of ListMachines; `machine_class` is "container" or "vm", `service` who registered it."""

    name: str
    machine_class: str
    service: str
    path: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A running machine. `timestamp`: microseconds since 1970; `leader`: the host's pid of its first process."""

    name: str | None = prop("Name", text)
    id: str | None = prop("Id", hexadecimal)
    machine_class: str | None = prop("Class", text)
    service: str | None = prop("Service", text)
    unit: str | None = prop("Unit", text)
    leader: int | None = prop("Leader", number)
    root_directory: str | None = prop("RootDirectory", text)
    state: str | None = prop("State", text)  # opening, running, closing
    timestamp: int | None = prop("Timestamp", moment)


@dataclass(frozen=True, slots=True)
class Image:
    """A machine's tree or disk. `type`: directory, subvolume, raw, block. Times in microseconds since 1970, bytes."""

    name: str
    type: str
    read_only: bool
    created: int | None
    modified: int | None
    usage: int | None


class Machine1:
    """Raises what `Bus.call` raises; Unsupported on a host without systemd-machined."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def list_machines(self) -> list[ListedMachine]:
        """The running ones, and ".host", which is the host itself."""
        (rows,) = await self._call("ListMachines", returns="a(ssso)")
        return [ListedMachine(*row) for row in rows]

    async def machine(self, name: str) -> Machine:
        """Raises NotFound when it does not run."""
        (path,) = await self._call("GetMachine", "s", name, returns="o")
        return read(Machine, await self._bus.get_all(NAME, path, MACHINE))

    async def os_release(self, name: str) -> dict[str, str]:
        """The machine's os-release. Raises Unsupported for one that cannot be asked (a virtual machine)."""
        (fields,) = await self._call("GetMachineOSRelease", "s", name, returns="a{ss}")
        return dict(fields)

    async def addresses(self, name: str) -> list[str]:
        """Its IP addresses as text. Raises Unsupported as `os_release` does."""
        (rows,) = await self._call("GetMachineAddresses", "s", name, returns="a(iay)")
        return [str(ipaddress.ip_address(raw)) for _, raw in rows if len(raw) in (4, 16)]

    async def list_images(self) -> list[Image]:
        (rows,) = await self._call("ListImages", returns="a(ssbttto)")
        return [_image(row) for row in rows]

    async def terminate(self, name: str) -> None:
        """Ends it without letting it shut down."""
        await self._call("TerminateMachine", "s", name)

    async def kill(self, name: str, who: str, signal: int) -> None:
        """To its "leader" or "all" processes. SIGRTMIN+4 lets a machine with systemd power off."""
        await self._call("KillMachine", "ssi", name, who, signal)

    async def on_machines_changed(self, callback: Callable[[], None]) -> Sequence[Subscription]:
        """Called when a machine has come or gone."""

        def receive(_: Signal) -> None:
            callback()

        return [
            await self._bus.subscribe(receive, sender=NAME, interface=MANAGER, member=member, path=PATH)
            for member in ("MachineNew", "MachineRemoved")
        ]

    async def _call(self, member: str, signature: str = "", *body: Any, returns: str = "") -> list[Any]:
        return await self._bus.call(NAME, PATH, MANAGER, member, signature, body, returns=returns)


def unit_of_image(name: str) -> str:
    """The unit that runs the image as a machine."""
    return f"systemd-nspawn@{escape(name)}.service"


def _image(row: Sequence[Any]) -> Image:
    name, kind, read_only, created, modified, usage, _ = row
    return Image(name, kind, read_only, moment(created), moment(modified), moment(usage))
