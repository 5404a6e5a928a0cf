"""What Django's and allauth's signals tell the audit log: sign-ins, failures, new passwords and passkeys."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_set
from allauth.mfa import signals as mfa
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from console import audit
from console.access import client_ip
from console.models import User


def _record(action: str, request: HttpRequest | None, user: Any = None, **facts: Any) -> None:
    """`user` None: who is signed in."""
    user = user or getattr(request, "user", None)
    audit.record(
        action,
        actor=user.get_username() if isinstance(user, User) else "",
        ip=client_ip(request) if request else "",
        **facts,
    )


@receiver(user_logged_in)
def _signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    _record("signin", request, user)


@receiver(user_logged_out)
def _signed_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user:
        _record("signout", request, user)


@receiver(user_login_failed)
def _sign_in_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Only a name that exists is written down: people type their password into the wrong field."""
    tried = User.objects.filter(username=credentials.get("username")).first()
    _record("signin.failed", request, tried, target="" if tried else "an unknown user")


@receiver(mfa.authentication_failed)
def _factor_failed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    _record("signin.failed", request, user, detail={"factor": "second"})


@receiver([password_set, password_changed])
def _password_changed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    _record("password.changed", request, user)


@receiver(mfa.authenticator_added)
@receiver(mfa.authenticator_removed)
@receiver(mfa.authenticator_reset)
def _authenticators_changed(signal: Any, sender: Any, request: HttpRequest, user: User, **facts: Any) -> None:
    what = {id(mfa.authenticator_added): "added", id(mfa.authenticator_removed): "removed"}
    kind = str(facts["authenticator"].type)
    _record(f"authenticator.{what.get(id(signal), 'reset')}", request, user, detail={"type": kind})
