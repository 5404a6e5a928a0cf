"""What a host offers Vigie, step by step, each failure with its remedy. For the connection page and `hosts test`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from console.errors import ConsoleError, NoEngine, NoSystemd, NotAuthorised
from hosts.dbus.bus import Bus, Variant
from hosts.facts import read_facts
from hosts.transport.base import Transport

SYSTEM_BUS = "/run/dbus/system_bus_socket"
POLKIT = (
    "org.freedesktop.PolicyKit1",
    "/org/freedesktop/PolicyKit1/Authority",
    "org.freedesktop.PolicyKit1.Authority",
)
PODMAN_SOCKET = "/run/podman/podman.sock"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step. `detail`: what was found, or what went wrong; `remedy`: what to do, "" when it is well."""

    step: str
    ok: bool
    detail: str
    remedy: str = ""


async def diagnose(transport: Transport) -> AsyncIterator[Finding]:
    """In the order in which they depend on each other; a step that fails does not keep the others from being tried."""
    steps: tuple[tuple[str, Callable[[Transport], Awaitable[str]]], ...] = (
        ("systemd", _systemd),
        ("D-Bus", _bus),
        ("Rights", _rights),
        ("Journal", _journal),
        ("Podman", _podman),
    )
    for step, look in steps:
        try:
            yield Finding(step, True, await look(transport))
        except ConsoleError as error:
            yield Finding(step, False, f"{error.title}. {error.detail}".strip(), error.remedy)


async def _systemd(transport: Transport) -> str:
    facts = await read_facts(transport)
    if facts.systemd is None:
        raise NoSystemd
    return f"{facts.os_name}, systemd {facts.systemd}"


async def _bus(transport: Transport) -> str:
    bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
    await bus.close()
    return "The system bus answers"


async def _rights(transport: Transport) -> str:
    """Asks polkit whether this connection may manage units (root is never asked, and always may)."""
    bus = await Bus.connect(await transport.socket(SYSTEM_BUS))
    try:
        subject = ("system-bus-name", {"name": Variant("s", bus.unique_name)})
        body = [subject, "org.freedesktop.systemd1.manage-units", {}, 0, ""]
        (answer,) = await bus.call(*POLKIT, "CheckAuthorization", "(sa{sv})sa{ss}us", body)
    finally:
        await bus.close()
    if not answer[0]:
        raise NotAuthorised("polkit does not let this login manage units.")
    return "May manage units"


async def _journal(transport: Transport) -> str:
    done = await transport.run(["journalctl", "--quiet", "--lines=1", "--output=cat", "_PID=1"])
    if done.code != 0 or not done.stdout.strip():
        raise NotAuthorised(
            "This login sees no journal of the system.",
            remedy="Add it to the group systemd-journal on the host, or let Vigie use sudo.",
        )
    return "The system's journal can be read"


async def _podman(transport: Transport) -> str:
    done = await transport.run(["podman", "--version"])
    if done.code != 0:
        raise NoEngine("Podman is not installed.")
    there = await transport.run(["test", "-S", PODMAN_SOCKET])
    if there.code != 0:
        raise NoEngine(f"{PODMAN_SOCKET} is not there.")
    return done.stdout.decode("utf-8", "replace").strip()[:100]
