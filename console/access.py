"""The one place that says who may do what. Deny by default; what is not granted does not exist (404).

A capability is data (`units.restart`). A role holds every capability of its rank, on all hosts; a grant gives one
capability, a pattern of them or a whole role, on hosts and object names that match.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from console import audit
from console.models import User

logger = logging.getLogger(__name__)
RANK = {"": 0, "viewer": 1, "operator": 2, "admin": 3}
View = Callable[..., Any]  # async (ConsoleRequest, ...) -> HttpResponseBase


@dataclass(frozen=True, slots=True)
class Capability:
    """A named right. `role`: the lowest role that holds it. `fresh`: the password or passkey is asked for again."""

    name: str
    title: str
    role: str
    fresh: bool = False


CAPABILITIES: dict[str, Capability] = {}


def register(*capabilities: Capability) -> None:
    CAPABILITIES.update((capability.name, capability) for capability in capabilities)


class Scope(Protocol):
    """What grants are matched against: a host, by its name and its groups."""

    @property
    def name(self) -> str: ...

    @property
    def group_names(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Grant:
    capability: str
    hosts: str
    names: str

    def covers(self, capability: Capability, host: Scope | None, name: str | None) -> bool:
        return (
            self._holds(capability)
            and _matches_host(self.hosts, host)
            and (name is None or fnmatchcase(name, self.names))
        )

    def _holds(self, capability: Capability) -> bool:
        if self.capability in RANK:
            return RANK[self.capability] >= RANK[capability.role]
        return fnmatchcase(capability.name, self.capability)


def _matches_host(pattern: str, host: Scope | None) -> bool:
    if host is None:
        return pattern == "*"
    if pattern.startswith("@"):
        return any(fnmatchcase(group, pattern[1:]) for group in host.group_names)
    return fnmatchcase(host.name, pattern)


@dataclass(frozen=True, slots=True)
class Rights:
    """All that one user may do, loaded once a request."""

    role: str = ""
    grants: tuple[Grant, ...] = ()

    def allows(self, capability: str, host: Scope | None = None, name: str | None = None) -> bool:
        """`name` None asks: on any object there? (so that the page that lists them can be opened)"""
        known = CAPABILITIES[capability]
        if RANK[self.role] >= RANK[known.role]:
            return True
        return any(grant.covers(known, host, name) for grant in self.grants)


class ConsoleRequest(HttpRequest):
    """A request as views get it once its user is known."""

    actor: User
    htmx: HtmxDetails
    rights: Rights


async def rights_of(user: User | AnonymousUser) -> Rights:
    if not isinstance(user, User) or not user.is_active:
        return Rights()
    rows = [row async for row in user.grants.values_list("capability", "hosts", "names")]
    return Rights(user.role, tuple(Grant(*row) for row in rows))


# --- views -----------------------------------------------------------------------------------------------------


def public(view: Any) -> Any:
    """Classify a route that anybody may open."""
    view.access = "public"
    return view


def signed_in(view: View) -> View:
    """Classify a route that every signed-in user may open (it shows only what the user may see)."""

    @functools.wraps(view)
    async def inner(request: ConsoleRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = await request.auser()
        if not isinstance(user, User):
            return to_sign_in(request)
        request.user = request.actor = user  # known already, so that templates need no query
        request.rights = await rights_of(user)
        response: HttpResponseBase = await view(request, *args, **kwargs)
        return response

    inner.access = "signed-in"  # type: ignore[attr-defined]
    return inner


ScopeOf = Callable[[dict[str, Any]], Awaitable[tuple[Scope | None, str | None]]]


def guard(capability: str, scope: ScopeOf | None = None) -> Callable[[View], View]:
    """Fetch and authorise before the view runs. `scope` turns the route's arguments into the objects that the view
    takes (in place) and says which host and which object's name the capability is asked for."""

    def decorate(view: View) -> View:
        @signed_in
        @functools.wraps(view)
        async def inner(request: ConsoleRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            host, name = await scope(kwargs) if scope else (None, None)
            await require(request, capability, host, name)
            if CAPABILITIES[capability].fresh and not await is_fresh(request):
                return to_reauthentication(request)
            response: HttpResponseBase = await view(request, *args, **kwargs)
            return response

        inner.access = capability  # type: ignore[attr-defined]
        return inner

    return decorate


async def require(request: ConsoleRequest, capability: str, host: Scope | None, name: str | None) -> None:
    """Raise Http404 and audit it when the signed-in user lacks the capability."""
    if request.rights.allows(capability, host, name):
        return
    await audit.arecord(
        "access.denied",
        actor=request.actor.get_username(),
        ip=client_ip(request),
        target=f"{host.name if host else ''} {name or ''}".strip(),
        detail={"capability": capability, "path": request.path},
    )
    raise Http404


async def is_fresh(request: HttpRequest) -> bool:
    """Did the user prove who they are (sign-in or re-authentication) within the last five minutes?"""
    records: list[dict[str, Any]] = await request.session.aget(AUTHENTICATION_METHODS_SESSION_KEY, [])
    latest = max((record["at"] for record in records), default=0.0)
    return bool(time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(resolve_url("account_login"))
    return redirect_to_login(request.get_full_path())


def to_reauthentication(request: HttpRequest) -> HttpResponse:
    """Ask for the password again; a form is shown anew afterwards, since a POST cannot be followed."""
    back = request.get_full_path() if request.method == "GET" else request.headers.get("Referer", "/")
    url = f"{resolve_url('account_reauthenticate')}?{urlencode({'next': _local(back, request)})}"
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def _local(url: str, request: HttpRequest) -> str:
    return url.removeprefix(f"{request.scheme}://{request.get_host()}") or "/"


def client_ip(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
