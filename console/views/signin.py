"""The one-time link: a page with one button, so that a link preview cannot use it up."""

from __future__ import annotations

from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from console import signin
from console.access import public


@public
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    if request.method == "GET":
        user = signin.look(token)
        return render(request, "console/signin.html", {"link_user": user}, status=200 if user else 410)
    user = signin.use(token)
    if user is None:
        return render(request, "console/signin.html", {"link_user": None}, status=410)
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    record_authentication(request, user, method="link")
    return redirect("welcome")
