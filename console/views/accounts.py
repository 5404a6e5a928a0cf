"""The user's own account: where allauth's pages are not enough."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import SetPasswordForm
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from console import audit, signin
from console.access import ConsoleRequest, client_ip, newcomers


@require_GET
@newcomers
async def welcome(request: ConsoleRequest) -> HttpResponse:
    """After a one-time link: choose how to sign in from now on."""
    if await signin.has_credential(request.actor):
        return redirect("/")
    return render(request, "console/welcome.html", {"form": SetPasswordForm(user=request.actor)})


class Sessions(ListUserSessionsView):
    """The user's own sessions: one is ended by its id, all others without one."""

    def form_valid(self, form: Any) -> HttpResponse:
        others = UserSession.objects.filter(user=self.request.user).exclude(
            session_key=self.request.session.session_key
        )
        wanted = self.request.POST.get("session", "")
        ended = [session for session in others if wanted in ("", str(session.pk))]
        for session in ended:
            session.end()
        audit.record(
            "session.ended",
            actor=self.request.user.get_username(),
            ip=client_ip(self.request),
            detail={"sessions": len(ended)},
        )
        return HttpResponseRedirect(self.get_success_url())
