"""org.freedesktop.hostname1: what the host is called, and what it is."""

from __future__ import annotations

from dataclasses import dataclass

from hosts.dbus.bus import Bus
from hosts.dbus.values import hexadecimal, moment, prop, read, text

NAME = "org.freedesktop.hostname1"
PATH = "/org/freedesktop/hostname1"


@dataclass(frozen=True, slots=True)
class Identity:
    """Properties of hostname1; None where the host does not know, or its systemd is too old to say."""

    hostname: str | None = prop("Hostname", text)
    static_hostname: str | None = prop("StaticHostname", text)
    pretty_hostname: str | None = prop("PrettyHostname", text)
    hostname_source: str | None = prop("HostnameSource", text)  # static, transient, default
    icon_name: str | None = prop("IconName", text)
    chassis: str | None = prop("Chassis", text)  # desktop, laptop, server, vm, container, ...
    deployment: str | None = prop("Deployment", text)
    location: str | None = prop("Location", text)
    hardware_vendor: str | None = prop("HardwareVendor", text)
    hardware_model: str | None = prop("HardwareModel", text)
    firmware_version: str | None = prop("FirmwareVersion", text)
    kernel_name: str | None = prop("KernelName", text)
    kernel_release: str | None = prop("KernelRelease", text)
    kernel_version: str | None = prop("KernelVersion", text)
    os_pretty_name: str | None = prop("OperatingSystemPrettyName", text)
    os_cpe_name: str | None = prop("OperatingSystemCPEName", text)
    os_support_end: int | None = prop("OperatingSystemSupportEnd", moment)  # microseconds since 1970
    home_url: str | None = prop("HomeURL", text)
    machine_id: str | None = prop("MachineID", hexadecimal)
    boot_id: str | None = prop("BootID", hexadecimal)


class Hostname1:
    """Raises what `Bus.call` raises; Unsupported on a host without systemd-hostnamed."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def properties(self) -> Identity:
        return read(Identity, await self._bus.get_all(NAME, PATH, NAME))

    async def set_static_hostname(self, name: str) -> None:
        """Writes /etc/hostname; "" removes it. Raises InvalidInput for a name that is no host name."""
        await self._set("SetStaticHostname", name)

    async def set_pretty_hostname(self, name: str) -> None:
        """Any text; "" removes it."""
        await self._set("SetPrettyHostname", name)

    async def _set(self, member: str, name: str) -> None:
        await self._bus.call(NAME, PATH, NAME, member, "sb", [name, False])
