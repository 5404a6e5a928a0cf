"""Fetch a host and authorise in one step: the first line of every view and stream of a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404

from console.access import Rights, Scope, View, guard, provide_scopes
from console.streams import Denied
from hosts import watch
from hosts.models import Host


@provide_scopes
def all_hosts() -> dict[int, Scope]:
    return {host.pk: host for host in Host.objects.all()}


def host_view(capability: str, *, name: str = "", fresh: bool = True) -> Callable[[View], View]:
    """For routes with `<str:host>`: the view gets the Host. `name`: the route's argument that grants match by name.
    `fresh` as in console.access.guard."""

    async def scope(kwargs: dict[str, Any]) -> tuple[Scope | None, str | None]:
        host = kwargs["host"] = await _fetch(kwargs["host"])
        return host, kwargs[name] if name else None

    return guard(capability, scope, fresh=fresh)


async def _fetch(name: str) -> Host:
    try:
        return await Host.objects.aget(name=name)
    except Host.DoesNotExist as error:
        raise Http404 from error


async def host_of_stream(
    kwargs: dict[str, Any], rights: Rights, capability: str, name: str | None = None
) -> Host:
    """The same for a stream's `authorise`. Raises Denied."""
    host = watch.known_host(kwargs["host"]) or await Host.objects.filter(name=kwargs["host"]).afirst()
    if host is None or not rights.allows(capability, host, name):
        raise Denied
    return host


async def visible_hosts(rights: Rights) -> list[Host]:
    """The hosts that a user may see, by name."""
    return [host async for host in Host.objects.all() if rights.allows("hosts.view", host)]
