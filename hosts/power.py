"""A host's power: restart it or power it off, now or later, or call that off.

A restart has succeeded when the host is back with a new boot id. The boot that a restart is to end is part of its
Operation's key, so that its outcome can be told even when Vigie itself was restarted meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console import operations
from console.errors import Conflict, ConsoleError, Failed, InvalidInput, NotAuthorised, Unreachable, Unsupported
from console.models import Operation, User
from console.snapshots import snapshots
from hosts.connections import connections
from hosts.dbus.login1 import Inhibitor, Login1
from hosts.dbus.timedate1 import Timedate1
from hosts.models import Host
from hosts.transport.base import Transport
from hosts.watch import LINK, link_of

BACK, GONE = 600.0, 120.0  # seconds until a host must be back, and until one that is powered off must be silent
LOOK = 5.0  # seconds between looks at a host that goes down or comes up
LONGEST_MESSAGE = 400  # characters
FURTHEST = 365 * 86400.0  # seconds ahead that a shutdown may be scheduled


@dataclass(frozen=True, slots=True)
class Way:
    """One way to go down. `kind`: login1's word; `option`: of shutdown(8)."""

    name: str
    kind: str
    label: str
    member: str
    option: str
    command: str


RESTART = Way("restart", "reboot", "Restart", "Reboot", "-r", "reboot")
POWER_OFF = Way("power-off", "poweroff", "Power off", "PowerOff", "-P", "poweroff")
WAYS = {way.name: way for way in (RESTART, POWER_OFF)}


@dataclass(frozen=True, slots=True)
class Scheduled:
    """`at` by the host's clock."""

    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PowerState:
    """`blocked`: what holds a shutdown back; `may`: name of a Way → "" or why the host refuses it to Vigie's user."""

    scheduled: Scheduled | None
    blocked: tuple[Inhibitor, ...]
    may: dict[str, str]
    zone: str  # in which times are asked for


class HeldBack(Conflict):
    code = "held-back"
    title = "A program on the host holds this back"
    remedy = "Wait until it has finished, or confirm that it may be interrupted. Nothing was changed."


def way_named(name: str) -> Way:
    if name not in WAYS:
        raise InvalidInput(f"There is no way {name!r} to go down.")
    return WAYS[name]


async def state(host: Host) -> PowerState:
    """As the host says now. Raises why it cannot be asked."""
    login1 = await _login1(host)
    scheduled, inhibitors = await login1.scheduled_shutdown(), await login1.list_inhibitors()
    may = {RESTART.name: await login1.can_reboot(), POWER_OFF.name: await login1.can_power_off()}
    return PowerState(
        scheduled=Scheduled(_label(scheduled.kind), datetime.fromtimestamp(scheduled.at / 1e6, UTC))
        if scheduled
        else None,
        blocked=tuple(held for held in inhibitors if _blocks(held)),
        may={name: "" if answer == "yes" else _refusal(answer) for name, answer in may.items()},
        zone=await _zone(host),
    )


def _label(kind: str) -> str:
    return next((way.label for way in WAYS.values() if way.kind == kind), kind)


def _refusal(answer: str) -> str:
    return "The host cannot do this." if answer == "na" else NotAuthorised.remedy


def _blocks(held: Inhibitor) -> bool:
    return held.mode == "block" and "shutdown" in held.what.split(":")


async def _login1(host: Host) -> Login1:
    return Login1(await connections.get(host.pk).system_bus())


# --- now -------------------------------------------------------------------------------------------------------


async def go_down(
    host: Host, way: Way, *, actor: User, ip: str = "", message: str = "", force: bool = False
) -> Operation:
    """Restart or power off now, as an Operation. `message` is shown to who is logged in; `force`: whatever holds it back.

    Raises HeldBack, InvalidInput, Busy, or why the host cannot be reached, before anything is done.
    """
    message = _message(message)
    boot = await boot_id(connections.get(host.pk).transport)
    if not force:
        await _check_blocked(host)

    async def action(operation: Operation) -> str:
        await _ask(host, way, message)
        return await (_back(host.pk, boot) if way is RESTART else _gone(host.pk))

    intent = _intent(
        host,
        actor,
        ip,
        verb=f"power.{way.name}",
        call=f"org.freedesktop.login1.Manager.{way.member}(false)",
        command=f"systemctl {way.command}",
        key=f"{way.command}:{boot}:{secrets.token_hex(8)}",
        deadline=BACK if way is RESTART else GONE,
    )
    return await operations.run(intent, action, wait=1.0)


async def _check_blocked(host: Host) -> None:
    blocked = [held for held in await (await _login1(host)).list_inhibitors() if _blocks(held)]
    if blocked:
        raise HeldBack("; ".join(f"{held.who}: {held.why}" for held in blocked))


async def _ask(host: Host, way: Way, message: str) -> None:
    login1 = await _login1(host)
    if message:
        await login1.set_wall_message(message)
    with contextlib.suppress(
        Unreachable
    ):  # the host may be gone before it has answered; what became of it is seen next
        await (login1.reboot() if way is RESTART else login1.power_off())


async def _back(host_id: int, boot: str) -> str:
    """Wait until the host is there with another boot id."""
    with snapshots.subscribe([(host_id, LINK)]) as links:
        while (now := await _boot_id_or_none(host_id)) in (None, boot):
            if now is None:
                connections.pool.retry_now(host_id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(links.changes(), LOOK)
    return f"Restarted: boot {now} began."


async def _boot_id_or_none(host_id: int) -> str | None:
    try:
        return await boot_id(connections.get(host_id).transport)
    except ConsoleError:
        return None  # on its way down or up


async def _gone(host_id: int) -> str:
    with snapshots.subscribe([(host_id, LINK)]) as links:
        while (link := link_of(host_id)) and link.state == "online":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(links.changes(), LOOK)
    return "The host does not answer any more."


async def boot_id(transport: Transport) -> str:
    """32 hexadecimal digits that are new at each boot."""
    answer = await transport.run(["cat", "--", "/proc/sys/kernel/random/boot_id"], timeout=10)
    digits = answer.stdout.decode("ascii", "replace").strip().replace("-", "")
    if answer.code or len(digits) != 32 or not digits.isalnum():
        raise Failed("The host does not tell its boot id.")
    return digits


@operations.observer("power.restart")
async def observe(operation: Operation) -> str | None:
    """The host is back: with the boot that was to end, it may still go down, so that cannot be told yet."""
    if operation.host_id is None:
        return None
    now = await boot_id(connections.get(operation.host_id).transport)
    return f"boot {now} began." if f":{now}:" not in operation.key else None


# --- later -----------------------------------------------------------------------------------------------------


async def schedule(
    host: Host, way: Way, *, minutes: int, actor: User, ip: str = "", message: str = ""
) -> Operation:
    """Let the host go down by itself in `minutes`, by its own clock. Replaces what was scheduled before."""
    message = _message(message)
    if not 1 <= minutes * 60 <= FURTHEST:
        raise InvalidInput("Choose a time between one minute and one year ahead.")
    connections.get(host.pk)

    async def action(operation: Operation) -> str:
        at = await _clock(host) + minutes * 60
        login1 = await _login1(host)
        await login1.set_wall_message(message)
        await login1.schedule_shutdown(way.kind, round(at * 1e6))
        return f"{way.label} scheduled for {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC by the host's clock."

    intent = _intent(
        host,
        actor,
        ip,
        verb=f"power.schedule-{way.name}",
        call=f'org.freedesktop.login1.Manager.ScheduleShutdown("{way.kind}", now + {minutes} min)',
        command=shlex.join(["shutdown", way.option, f"+{minutes}", *([message] if message else [])]),
    )
    return await operations.run(intent, action)


async def cancel(host: Host, *, actor: User, ip: str = "") -> Operation:
    """Call off what is scheduled."""
    login1 = await _login1(host)

    async def action(operation: Operation) -> str:
        if not await login1.cancel_scheduled_shutdown():
            raise Failed(
                "Nothing was scheduled any more.", remedy="Load the page again to see the present state."
            )
        return "Called off."

    intent = _intent(
        host,
        actor,
        ip,
        verb="power.cancel",
        call="org.freedesktop.login1.Manager.CancelScheduledShutdown()",
        command="shutdown -c",
    )
    return await operations.run(intent, action)


def minutes_of(minutes: str, at: str, zone: str) -> int:
    """What a form says: so many minutes, or a moment like 2026-11-25T22:00 in a time zone. Raises InvalidInput."""
    if bool(minutes) == bool(at):
        raise InvalidInput("Fill in either the minutes or the time.")
    if minutes:
        if not minutes.isdecimal() or len(minutes) > 7:
            raise InvalidInput("The minutes are a whole number.")
        return int(minutes)
    return _minutes_until(at, zone)


def _minutes_until(at: str, zone: str) -> int:
    """Rounded up, so that it never comes early."""
    try:
        moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise InvalidInput("This is not a time that can be read.") from error
    seconds = moment.timestamp() - time.time()
    if seconds <= 0:
        raise InvalidInput("This time has passed already.")
    return int(-(-seconds // 60))


async def _zone(host: Host) -> str:
    """The host's time zone if Vigie knows it too, else UTC."""
    try:
        name = (await Timedate1(await connections.get(host.pk).system_bus()).properties()).timezone or ""
        return name if name and ZoneInfo(name) else "UTC"
    except (Unsupported, ValueError, ZoneInfoNotFoundError):
        return "UTC"


async def _clock(host: Host) -> float:
    """The host's own time, seconds since 1970."""
    answer = await connections.get(host.pk).transport.run(["date", "+%s"], timeout=10)
    seconds = answer.stdout.decode("ascii", "replace").strip()
    if not seconds.isdigit():
        raise Failed("The host does not tell its time.")
    return float(seconds)


def _message(text: str) -> str:
    if len(text) > LONGEST_MESSAGE or not all(character.isprintable() for character in text):
        raise InvalidInput(f"Use one line of at most {LONGEST_MESSAGE} characters.")
    return text.strip()


def _intent(
    host: Host,
    actor: User,
    ip: str,
    *,
    verb: str,
    call: str,
    command: str,
    key: str = "",
    deadline: float = 90.0,
) -> operations.Intent:
    return operations.Intent(
        actor=actor,
        ip=ip,
        verb=verb,
        kind="host",
        target=host.name,
        host_id=host.pk,
        host_name=host.name,
        call=call,
        shell=command,
        key=key,
        deadline=deadline,
    )
