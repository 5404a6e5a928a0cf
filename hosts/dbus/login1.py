"""org.freedesktop.login1: who is logged in, and the host's power."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.errors import NotFound
from hosts.dbus.bus import Bus, Signal, Subscription
from hosts.dbus.values import flag, moment, number, prop, read, text

NAME = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
MANAGER = "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"

CHECK_INHIBITORS = 1  # flags of `reboot` and `power_off`: refuse while somebody inhibits it, even for root
SOFT_REBOOT = 4  # restart only user space
SKIP_INHIBITORS = 16


def _uid(value: Any) -> int | None:
    return number(value[0]) if isinstance(value, list) and value else None


def _seat(value: Any) -> str | None:
    return text(value[0]) if isinstance(value, list) and value else None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody logged in. Times are microseconds since 1970."""

    id: str | None = prop("Id", text)
    uid: int | None = prop("User", _uid)
    user: str | None = prop("Name", text)
    seat: str | None = prop("Seat", _seat)
    timestamp: int | None = prop("Timestamp", moment)
    tty: str | None = prop("TTY", text)
    display: str | None = prop("Display", text)
    remote: bool | None = prop("Remote", flag)
    remote_host: str | None = prop("RemoteHost", text)
    remote_user: str | None = prop("RemoteUser", text)
    service: str | None = prop("Service", text)  # "sshd", "login", ...
    scope: str | None = prop("Scope", text)
    leader: int | None = prop("Leader", number)
    type: str | None = prop("Type", text)  # unspecified, tty, x11, wayland, mir, web
    session_class: str | None = prop("Class", text)  # user, greeter, manager, background, ...
    state: str | None = prop("State", text)  # online, active, closing
    idle_since: int | None = prop("IdleSinceHint", moment)


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """What a program holds back ("shutdown:sleep"), who and why in its own words, mode "block" or "delay"."""

    what: str
    who: str
    why: str
    mode: str
    uid: int
    pid: int


@dataclass(frozen=True, slots=True)
class ScheduledShutdown:
    """`kind`: poweroff, reboot, halt...; `at`: microseconds since 1970, by the host's clock."""

    kind: str
    at: int


class Login1:
    """Raises what `Bus.call` raises."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def list_sessions(self) -> list[Session]:
        """Sessions with their details; one that ends meanwhile is left out."""
        (rows,) = await self._call("ListSessions", returns="a(susso)")
        found = await asyncio.gather(*(self._session(row[4]) for row in rows))
        return [session for session in found if session is not None]

    async def list_users(self) -> list[tuple[int, str]]:
        """(uid, login) of everybody who is logged in or lingers (Manager.ListUsers)."""
        (rows,) = await self._call("ListUsers", returns="a(uso)")
        return [(uid, name) for uid, name, _ in rows]

    async def _session(self, path: str) -> Session | None:
        try:
            return read(Session, await self._bus.get_all(NAME, path, SESSION))
        except NotFound:
            return None

    async def terminate_session(self, session_id: str) -> None:
        await self._call("TerminateSession", "s", session_id)

    async def list_inhibitors(self) -> list[Inhibitor]:
        (rows,) = await self._call("ListInhibitors", returns="a(ssssuu)")
        return [Inhibitor(*row) for row in rows]

    async def can_reboot(self) -> str:
        """ "yes", "no", "challenge" (it would ask for a password, which we cannot give), "na"."""
        (answer,) = await self._call("CanReboot", returns="s")
        return str(answer)

    async def can_power_off(self) -> str:
        """As `can_reboot`."""
        (answer,) = await self._call("CanPowerOff", returns="s")
        return str(answer)

    async def reboot(self, flags: int = 0) -> None:
        """Returns when it is under way; the connection may be lost before the answer comes (Disconnected)."""
        await self._power("Reboot", flags)

    async def power_off(self, flags: int = 0) -> None:
        """As `reboot`."""
        await self._power("PowerOff", flags)

    async def schedule_shutdown(self, kind: str, at: int) -> None:
        """`kind`: "reboot" or "poweroff"; `at`: microseconds since 1970, by the host's clock. Replaces one before."""
        await self._call("ScheduleShutdown", "st", kind, at)

    async def cancel_scheduled_shutdown(self) -> bool:
        """Whether there was one."""
        (cancelled,) = await self._call("CancelScheduledShutdown", returns="b")
        return bool(cancelled)

    async def scheduled_shutdown(self) -> ScheduledShutdown | None:
        value = await self._bus.get(NAME, PATH, MANAGER, "ScheduledShutdown")
        kind, at = value if isinstance(value, list) and len(value) == 2 else ("", 0)
        when = moment(at)
        return ScheduledShutdown(kind, when) if text(kind) and when else None

    async def set_wall_message(self, message: str, *, enable: bool = True) -> None:
        """What the users on the host's terminals are told when it goes down."""
        await self._call("SetWallMessage", "sb", message, enable)

    async def on_prepare_for_shutdown(self, callback: Callable[[bool], None]) -> Subscription:
        """`callback(True)` when the host begins to go down, `callback(False)` when that was called off."""

        def receive(signal: Signal) -> None:
            callback(signal.body[:1] == [True])

        return await self._bus.subscribe(
            receive, sender=NAME, interface=MANAGER, member="PrepareForShutdown", path=PATH
        )

    async def on_sessions_changed(self, callback: Callable[[], None]) -> Sequence[Subscription]:
        """Called for every login and logout."""

        def receive(_: Signal) -> None:
            callback()

        return [
            await self._bus.subscribe(receive, sender=NAME, interface=MANAGER, member=member, path=PATH)
            for member in ("SessionNew", "SessionRemoved")
        ]

    async def _power(self, member: str, flags: int) -> None:
        if flags:
            await self._call(f"{member}WithFlags", "t", flags)
        else:
            await self._call(member, "b", False)  # not interactive: nobody is there to be asked

    async def _call(self, member: str, signature: str = "", *body: Any, returns: str = "") -> list[Any]:
        return await self._bus.call(NAME, PATH, MANAGER, member, signature, body, returns=returns)
