"""The hosts themselves: adding, changing and removing them, and accepting their keys. Each change is an Operation."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError

from console import operations
from console.errors import Conflict, HostKeyUnknown, InvalidInput
from console.models import Operation, User
from hosts import watch
from hosts.connections import KEY_PATH, target_of
from hosts.models import Host
from hosts.transport import keys
from hosts.transport.ssh import install_key

FACTS = ("name", "address", "port", "user", "sudo", "group_names")


def public_line() -> str:
    """The line that lets Vigie in, for ~/.ssh/authorized_keys on a host. The key is made at the first need."""
    return keys.ensure_key(KEY_PATH)


def _intent(host: Host, verb: str, actor: User, ip: str, shell: str = "", **more: Any) -> operations.Intent:
    return operations.Intent(
        actor=actor,
        ip=ip,
        verb=f"hosts.{verb}",
        kind="host",
        target=host.name,
        host_id=host.pk,
        host_name=host.name,
        call=f"{verb} {host.user}@{host.address} port {host.port}" if host.kind == Host.Kind.SSH else verb,
        shell=shell,
        **more,
    )


async def add(host: Host, *, actor: User, ip: str = "") -> Operation:
    """Save a new host and begin to connect to it. Raises Conflict when its name is taken."""

    async def action(operation: Operation) -> str:
        try:
            await host.asave()
        except IntegrityError as error:
            raise Conflict(f"There is a host {host.name} already.", remedy="Choose another name.") from error
        watch.add(host)
        return f"{host.name} added"

    return await operations.run(_intent(host, "add", actor, ip), action)


async def change(host: Host, *, actor: User, ip: str = "") -> Operation:
    """Save what was changed of it and connect anew."""

    async def action(operation: Operation) -> str:
        try:
            await host.asave(update_fields=FACTS)
        except IntegrityError as error:
            raise Conflict(f"There is a host {host.name} already.", remedy="Choose another name.") from error
        watch.add(host)
        return f"{host.name} changed"

    return await operations.run(_intent(host, "change", actor, ip), action)


async def remove(host: Host, *, actor: User, ip: str = "") -> Operation:
    """Forget a host. Nothing is changed on the host itself."""
    host_id = host.pk

    async def action(operation: Operation) -> str:
        await host.adelete()
        await watch.remove(host_id)
        return f"{host.name} removed from Vigie; nothing was changed on it"

    return await operations.run(_intent(host, "remove", actor, ip), action)


async def accept_key(host: Host, fingerprint: str, *, actor: User, ip: str = "") -> Operation:
    """Trust the key that the host showed, if it is still the one the user compared. Never a changed one."""
    link = watch.link_of(host.pk)
    shown = link.error if link and isinstance(link.error, HostKeyUnknown) else None
    if host.host_key or shown is None or shown.facts["fingerprint"] != fingerprint:
        raise Conflict(
            "The host shows another key by now.", remedy="Look at its fingerprint again, then decide."
        )

    async def action(operation: Operation) -> str:
        host.host_key = shown.facts["host_key"]
        await host.asave(update_fields=["host_key"])
        watch.add(host)
        return f"{fingerprint} accepted"

    return await operations.run(_intent(host, "accept-key", actor, ip), action)


async def forget_key(host: Host, *, actor: User, ip: str = "") -> Operation:
    """After a host was installed anew: its next key has to be compared and accepted again."""

    async def action(operation: Operation) -> str:
        old = keys.fingerprint(host.host_key) if host.host_key else "no key"
        host.host_key = ""
        await host.asave(update_fields=["host_key"])
        watch.add(host)
        return f"{old} forgotten"

    return await operations.run(_intent(host, "forget-key", actor, ip), action)


async def authorise_with_password(host: Host, password: str, *, actor: User, ip: str = "") -> Operation:
    """Sign in once with the password, install Vigie's key, forget the password: it is in no record and no log."""
    if not password or len(password) > 512:
        raise InvalidInput("Enter the password of the login on the host.")

    async def action(operation: Operation) -> str:
        await install_key(target_of(host), password, public_line())
        watch.retry(host)
        return f"Vigie's key is in ~/.ssh/authorized_keys of {host.user}"

    shell = f"ssh-copy-id -p {host.port} {host.user}@{host.address}"
    return await operations.run(_intent(host, "install-key", actor, ip, shell), action, wait=15.0)
