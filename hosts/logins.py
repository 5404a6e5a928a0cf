"""Who is logged in on a host, as login1 says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hosts.connections import connections
from hosts.dbus.bus import Bus
from hosts.dbus.login1 import Login1, Session
from hosts.models import Host

PEOPLE = ("user", "user-early", "user-incomplete", "user-light", "user-early-light", "background")


@dataclass(frozen=True, slots=True)
class Login:
    """`origin`: the remote host, the seat or the terminal; "" where login1 does not say."""

    id: str
    user: str
    origin: str
    remote: bool
    service: str
    state: str
    since: datetime | None


async def logins(host: Host) -> list[Login]:
    """People's sessions, the newest first. Raises why the host cannot be asked."""
    return await logins_of(await connections.get(host.pk).system_bus())


async def logins_of(bus: Bus) -> list[Login]:
    sessions = await Login1(bus).list_sessions()
    people = [_login(session) for session in sessions if (session.session_class or "user") in PEOPLE]
    return sorted(people, key=lambda login: login.since or datetime.min.replace(tzinfo=UTC), reverse=True)


def _login(session: Session) -> Login:
    return Login(
        id=session.id or "",
        user=session.user or str(session.uid or ""),
        origin=session.remote_host or session.tty or session.display or session.seat or "",
        remote=bool(session.remote),
        service=session.service or "",
        state=session.state or "",
        since=datetime.fromtimestamp(session.timestamp / 1e6, UTC) if session.timestamp else None,
    )


async def with_a_manager(host: Host) -> list[str]:
    """The logins whose own systemd runs. Raises why the host cannot be asked."""
    users = await Login1(await connections.get(host.pk).system_bus()).list_users()
    return sorted(login for _, login in users)
