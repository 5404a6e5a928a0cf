"""Users, roles and grants, and what they amount to in plain words. Each change writes its line of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from console import access, audit, sessions
from console.access import CAPABILITIES, RANK, Capability
from console.errors import Conflict, InvalidInput
from console.models import Grant, User

ROLES = [role for role in RANK if role]


def create(name: str, role: str, *, actor: str, ip: str = "") -> User:
    """A user who signs in by a one-time link first. Raises InvalidInput when the name is taken."""
    try:
        with transaction.atomic():
            user = User(username=name, role=role)
            user.set_unusable_password()
            user.save()
            audit.record("access.user-created", actor=actor, ip=ip, target=name, detail={"role": role})
    except IntegrityError as error:
        raise InvalidInput(f"There is a user named {name} already.") from error
    return user


def set_role(user: User, role: str, *, actor: str, ip: str = "") -> None:
    with transaction.atomic():
        if role != User.Role.ADMIN:
            _refuse_without_admin(user)
        detail = {"from": user.role, "to": role}
        user.role = role
        user.save(update_fields=["role"])
        audit.record("access.role", actor=actor, ip=ip, target=user.username, detail=detail)


def set_active(user: User, active: bool, *, actor: str, ip: str = "") -> None:
    """A user who is not active cannot sign in, and is signed out everywhere."""
    with transaction.atomic():
        if not active:
            _refuse_without_admin(user)
            sessions.end_all(user)
        user.is_active = active
        user.save(update_fields=["is_active"])
        action = "access.enabled" if active else "access.disabled"
        audit.record(action, actor=actor, ip=ip, target=user.username)


def _refuse_without_admin(user: User) -> None:
    admins = User.objects.select_for_update().filter(role=User.Role.ADMIN, is_active=True)
    if user in admins and len(admins) == 1:
        raise Conflict(
            f"{user.username} is the last active administrator.",
            remedy="Make somebody else an administrator first. Nothing was changed.",
        )


def add_grant(user: User, capability: str, hosts: str, names: str, *, actor: str, ip: str = "") -> Grant:
    try:
        with transaction.atomic():
            grant = Grant.objects.create(user=user, capability=capability, hosts=hosts, names=names)
            audit.record("access.granted", actor=actor, ip=ip, target=user.username, detail=_facts(grant))
    except IntegrityError as error:
        raise InvalidInput(f"{user.username} has this grant already.") from error
    return grant


def remove_grant(grant: Grant, *, actor: str, ip: str = "") -> None:
    with transaction.atomic():
        detail, target = _facts(grant), grant.user.username
        grant.delete()
        audit.record("access.grant-removed", actor=actor, ip=ip, target=target, detail=detail)


def end_sessions(user: User, *, actor: str, ip: str = "") -> int:
    with transaction.atomic():
        count = sessions.end_all(user)
        detail = {"sessions": count}
        audit.record("session.ended", actor=actor, ip=ip, target=user.username, detail=detail)
    return count


def _facts(grant: Grant) -> dict[str, Any]:
    return {"capability": grant.capability, "hosts": grant.hosts, "names": grant.names}


# --- in plain words --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a grant would allow. `hosts`: those it matches at present."""

    sentence: str
    capabilities: list[Capability]
    hosts: list[str]
    warnings: list[str]


def preview(capability: str, hosts: str, names: str) -> Preview:
    grant = access.Grant(capability, hosts, names)
    held = [known for known in CAPABILITIES.values() if grant.holds(known)]
    matching = sorted(host.name for host in access.scopes().values() if grant.matches(host))
    return Preview(sentence(capability, hosts, names), held, matching, list(_warnings(grant, held, matching)))


def sentence(capability: str, hosts: str, names: str) -> str:
    """`May restart units on hosts named web-*, if the object's name is nginx*.`"""
    what = f"May {_what(capability)} {_where(hosts)}"
    return f"{what}." if names == "*" else f"{what}, if the object's name is {names}."


def _what(capability: str) -> str:
    if capability in ROLES:
        return f"do all that {'an' if capability[0] in 'ao' else 'a'} {capability} may"
    held = [known for known in CAPABILITIES.values() if access.matches(capability, known.name)]
    titles = [known.title[0].lower() + known.title[1:] for known in held]
    if len(titles) > 4:
        return f"do {len(titles)} things ({capability})"
    return _joined(titles) or "do nothing"


def _joined(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _where(hosts: str) -> str:
    if hosts == "*":
        return "on every host"
    if hosts.startswith("@"):
        return f"on hosts of the group {hosts[1:]}"
    return f"on hosts named {hosts}" if set(hosts) & set("*?") else f"on {hosts}"


def _warnings(grant: access.Grant, held: list[Capability], matching: list[str]) -> Any:
    if not matching and grant.hosts != "*":
        yield "No host matches at present."
    if grant.covers(CAPABILITIES["access.manage"], None, None):
        yield "Includes changing users and grants: it makes the user an administrator."
    apart = [known.title for known in held if known.fresh and grant.names == "*"]
    if apart:
        yield f"Asks for the password again before: {', '.join(apart)}."
