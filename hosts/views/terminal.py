"""The terminal's page. Each has an address of its own, so that a reload finds the same shell."""

from __future__ import annotations

import secrets

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest, is_fresh, to_reauthentication
from hosts.access import host_view
from hosts.models import LOGIN, Host
from hosts.terminal import Owner, Terminal, own_login, terminals

KEYS = ("Esc", "Tab", "Ctrl-C", "Ctrl-D", "Ctrl-Z", "←", "↑", "↓", "→")  # that a phone's keyboard lacks


@require_GET
@host_view("hosts.terminal")
async def begin(request: ConsoleRequest, host: Host) -> HttpResponse:
    """A new terminal's address. The shell itself is started by the page's stream, which knows the size."""
    return redirect(_address(host, secrets.token_urlsafe(12), request))


@require_GET
@host_view("hosts.terminal", fresh=False)
async def page(request: ConsoleRequest, host: Host, terminal: str) -> HttpResponse:
    """A live one may be shown again without the password: the same session opened it."""
    owner = Owner(request.actor, request.session.session_key or "")
    if not isinstance(terminals.find(owner, host, terminal), Terminal):
        if not await is_fresh(request):
            return to_reauthentication(request)
        terminals.invite(owner, host, terminal)
    context = {
        "host": host,
        "nav": "terminal",
        "login": _login(request) or own_login(host),
        "keys": KEYS,
        "stream": f"/ws{_address(host, terminal, request)}",
        "others": [other for other in terminals.of(owner, host) if other.id != terminal],
    }
    return render(request, "hosts/terminal.html", context)


def _address(host: Host, terminal: str, request: ConsoleRequest) -> str:
    login = _login(request)
    query = f"?{urlencode({'login': login})}" if login else ""
    return reverse("terminal", args=[host.name, terminal]) + query


def _login(request: ConsoleRequest) -> str:
    login = request.GET.get("login", "").strip()
    return login if LOGIN.fullmatch(login) else ""
