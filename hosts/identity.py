"""What a host is called, and how it keeps time: hostname1 and timedate1."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console import operations
from console.errors import InvalidInput, Unsupported
from console.models import Operation, User
from hosts import inventory
from hosts.connections import connections
from hosts.dbus.hostname1 import Hostname1, Identity
from hosts.dbus.timedate1 import Clock, Timedate1
from hosts.models import Host

# What hostnamed takes: labels of letters, digits and hyphens, at most 64 characters in all.
HOSTNAME = re.compile(
    r"(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
TIMEZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}")
LONGEST_PRETTY = 120  # characters


@dataclass(frozen=True, slots=True)
class Known:
    """`clock` None: the host has no timedate1. `timezones`: the host's own list; empty where it cannot be asked for."""

    names: Identity
    clock: Clock | None
    timezones: tuple[str, ...]


async def known(host: Host) -> Known:
    """As the host says now. Raises why it cannot be asked."""
    bus = await connections.get(host.pk).system_bus()
    names = await Hostname1(bus).properties()
    try:
        timedate1 = Timedate1(bus)
        return Known(names, await timedate1.properties(), tuple(await _timezones(timedate1)))
    except Unsupported:
        return Known(names, None, ())


async def _timezones(timedate1: Timedate1) -> list[str]:
    try:
        return await timedate1.list_timezones()
    except Unsupported:
        return []


async def set_names(host: Host, name: str, pretty: str, *, actor: User, ip: str = "") -> Operation:
    """The static host name, and the one for people ("" removes it)."""
    name, pretty = name.strip(), pretty.strip()
    if not HOSTNAME.fullmatch(name):
        raise InvalidInput(
            "A host name has letters, digits and hyphens, in parts between dots, 64 characters at most."
        )
    if len(pretty) > LONGEST_PRETTY or not pretty.isprintable():
        raise InvalidInput(f"Use one line of at most {LONGEST_PRETTY} characters.")
    hostname1 = Hostname1(await connections.get(host.pk).system_bus())

    async def action(operation: Operation) -> str:
        await hostname1.set_static_hostname(name)
        await hostname1.set_pretty_hostname(pretty)
        return f"The host is called {name} now."

    call = f'org.freedesktop.hostname1.SetStaticHostname("{name}", false); SetPrettyHostname("{pretty}", false)'
    command = f"hostnamectl hostname --static {shlex.quote(name)} && hostnamectl hostname --pretty {shlex.quote(pretty)}"
    return await _run(
        host, action, verb="identity.set-hostname", call=call, command=command, actor=actor, ip=ip
    )


async def set_timezone(host: Host, name: str, *, actor: User, ip: str = "") -> Operation:
    timedate1 = Timedate1(await connections.get(host.pk).system_bus())
    offered = await _timezones(timedate1)
    if not TIMEZONE.fullmatch(name) or (offered and name not in offered):
        raise InvalidInput(f"The host knows no time zone {name!r}.")

    async def action(operation: Operation) -> str:
        await timedate1.set_timezone(name)
        return f"The host's time zone is {name} now."

    call = f'org.freedesktop.timedate1.SetTimezone("{name}", false)'
    return await _run(
        host,
        action,
        verb="identity.set-timezone",
        call=call,
        command=f"timedatectl set-timezone {name}",
        actor=actor,
        ip=ip,
    )


async def set_ntp(host: Host, on: bool, *, actor: User, ip: str = "") -> Operation:
    timedate1 = Timedate1(await connections.get(host.pk).system_bus())
    word = "true" if on else "false"

    async def action(operation: Operation) -> str:
        await timedate1.set_ntp(on)
        return f"The host {'keeps' if on else 'does not keep'} its clock by the network now."

    call = f"org.freedesktop.timedate1.SetNTP({word}, false)"
    return await _run(
        host,
        action,
        verb="identity.set-ntp",
        call=call,
        command=f"timedatectl set-ntp {word}",
        actor=actor,
        ip=ip,
    )


Action = Callable[[Operation], Awaitable[str]]


async def _run(
    host: Host, action: Action, *, verb: str, call: str, command: str, actor: User, ip: str
) -> Operation:
    intent = operations.Intent(
        actor=actor,
        ip=ip,
        verb=verb,
        kind="host",
        target=host.name,
        host_id=host.pk,
        host_name=host.name,
        call=call,
        shell=command,
    )
    operation = await operations.run(intent, action)
    inventory.refresh(host.pk)  # facts tell the name
    return operation
