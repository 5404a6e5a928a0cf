"""The one place that says who may do what. Deny by default; what is not granted does not exist (404).

A capability is data (`units.restart`). A role holds every capability of its rank, on all hosts; a grant gives one
capability, a pattern of them or a whole role, on hosts and object names that match.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from console import audit, signin
from console.models import User

RANK = {"": 0, "viewer": 1, "operator": 2, "admin": 3}
View = Callable[..., Any]  # async (ConsoleRequest, ...) -> HttpResponseBase


@dataclass(frozen=True, slots=True)
class Capability:
    """A named right. `role`: the lowest role that holds it. `fresh`: the password or passkey is asked for again.

    `lists`: its page lists objects and leaves out those whose names are not granted, so that a grant for some names
    opens it. Without it, a grant for some names is none for what has no name (a host's power, its whole journal)."""

    name: str
    title: str
    role: str
    fresh: bool = False
    lists: bool = False


CAPABILITIES: dict[str, Capability] = {}


def register(*capabilities: Capability) -> None:
    CAPABILITIES.update((capability.name, capability) for capability in capabilities)


class Scope(Protocol):
    """What grants are matched against: a host, by its name and its groups."""

    @property
    def name(self) -> str: ...

    @property
    def group_names(self) -> list[str]: ...


_scopes: list[Callable[[], dict[int, Scope]]] = []


def scopes() -> dict[int, Scope]:
    """All hosts by id, as the app that knows them (`provide_scopes`) tells; empty without one. Reads the database."""
    return {key: scope for provide in _scopes for key, scope in provide().items()}


def provide_scopes(function: Callable[[], dict[int, Scope]]) -> Callable[[], dict[int, Scope]]:
    _scopes.append(function)
    return function


@dataclass(frozen=True, slots=True)
class Grant:
    capability: str
    hosts: str
    names: str

    def covers(self, capability: Capability, host: Scope | None, name: str | None) -> bool:
        return (
            self.holds(capability)
            and self.matches(host)
            and (matches(self.names, name) if name is not None else capability.lists or self.names == "*")
        )

    def matches(self, host: Scope | None) -> bool:
        if host is None:
            return self.hosts == "*"
        if self.hosts.startswith("@"):
            return any(matches(self.hosts[1:], group) for group in host.group_names)
        return matches(self.hosts, host.name)

    def holds(self, capability: Capability) -> bool:
        if self.capability in RANK:
            return RANK[self.capability] >= RANK[capability.role]
        return matches(self.capability, capability.name)


@functools.lru_cache(maxsize=1024)
def pattern_to_regex(pattern: str) -> str:
    """`*` is any text, `?` one character, everything else itself. Read alike by Python, SQLite and PostgreSQL."""
    wild = {"*": ".*", "?": "."}
    return "^" + "".join(wild.get(character) or re.escape(character) for character in pattern) + "$"


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern_to_regex(pattern)[1:-1], text, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Rights:
    """All that one user may do, loaded once a request."""

    role: str = ""
    grants: tuple[Grant, ...] = ()

    def allows(self, capability: str, host: Scope | None = None, name: str | None = None) -> bool:
        """`host` None: for the console as a whole; `name` None: for the host as a whole (see Capability.lists)."""
        known = CAPABILITIES[capability]
        if self.everywhere(capability):
            return True
        return any(grant.covers(known, host, name) for grant in self.grants)

    def everywhere(self, capability: str) -> bool:
        return RANK[self.role] >= RANK[CAPABILITIES[capability].role]

    def granted(self, capability: str) -> list[Grant]:
        """The grants that hold it somewhere."""
        return [grant for grant in self.grants if grant.holds(CAPABILITIES[capability])]

    def anywhere(self, capability: str) -> bool:
        return self.everywhere(capability) or bool(self.granted(capability))


class ConsoleRequest(HttpRequest):
    """A request as views get it once its user is known."""

    actor: User
    htmx: HtmxDetails
    rights: Rights


def rights_now(user: User | AnonymousUser) -> Rights:
    if not isinstance(user, User) or not user.is_active:
        return Rights()
    rows = user.grants.values_list("capability", "hosts", "names")
    return Rights(user.role, tuple(Grant(*row) for row in rows))


rights_of = sync_to_async(rights_now)


# --- views -----------------------------------------------------------------------------------------------------


def public(view: Any) -> Any:
    """Classify a route that anybody may open."""
    view.access = "public"
    return view


def signed_in(view: View) -> View:
    """Classify a route that every signed-in user may open (it shows only what the user may see)."""
    return _known(view, newcomers=False)


def newcomers(view: View) -> View:
    """The same, also for users who have neither a password nor a passkey yet, and can go nowhere else."""
    return _known(view, newcomers=True)


def _known(view: View, *, newcomers: bool) -> View:
    @functools.wraps(view)
    async def inner(request: ConsoleRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(request, "actor"):  # the middleware puts it there
            return to_sign_in(request)
        if not newcomers and not await signin.has_credential(request.actor):
            return _go(request, resolve_url("welcome"))
        response: HttpResponseBase = await view(request, *args, **kwargs)
        return response

    inner.access = "signed-in"  # type: ignore[attr-defined]
    return inner


def signed_in_by_allauth(view: Any) -> Any:
    """Classify a route of allauth's that every signed-in user may open; allauth itself checks that."""
    view.access = "signed-in"
    return view


ScopeOf = Callable[[dict[str, Any]], Awaitable[tuple[Scope | None, str | None]]]


def guard(
    capability: str, scope: ScopeOf | None = None, *, anywhere: bool = False, fresh: bool = True
) -> Callable[[View], View]:
    """Fetch and authorise before the view runs. `scope` turns the route's arguments into the objects that the view
    takes (in place) and says which host and which object's name the capability is asked for. `anywhere`: to have it
    on one host is enough; the view shows only what the user may see. With `fresh` False the view itself asks for the
    password again where that is due."""

    def decorate(view: View) -> View:
        @signed_in
        @functools.wraps(view)
        async def inner(request: ConsoleRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            host, name = await scope(kwargs) if scope else (None, None)
            if not (anywhere and request.rights.anywhere(capability)):
                await require(request, capability, host, name)
            if fresh and CAPABILITIES[capability].fresh and not await is_fresh(request):
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
    return _go(request, f"{resolve_url('account_login')}?{urlencode({'next': _page(request)})}")


def to_reauthentication(request: HttpRequest) -> HttpResponse:
    """Ask for the password again; a form is shown anew afterwards, since a POST cannot be followed."""
    return _go(request, f"{resolve_url('account_reauthenticate')}?{urlencode({'next': _page(request)})}")


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Leave the page, also when only a fragment of it was asked for."""
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def _page(request: HttpRequest) -> str:
    """The path of the page that the user is on."""
    whole = request.method == "GET" and not getattr(request, "htmx", False)
    url = request.get_full_path() if whole else request.headers.get("Referer", "/")
    own = f"{request.scheme}://{request.get_host()}"
    path = url.removeprefix(own)
    return path if url_has_allowed_host_and_scheme(path, None) else "/"


def client_ip(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
