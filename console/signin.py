"""Links that sign a user in once, for the first admin and for one who lost the way in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone

from console import audit
from console.models import SignInLink, User

LIFETIME = timedelta(minutes=15)


async def has_credential(user: User) -> bool:
    """Can this user sign in again without a link?"""
    if user.has_usable_password():
        return True
    passkeys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return await passkeys.aexists()


def make_link(user: User, *, actor: str = "console") -> str:
    """The token to put behind /signin/. Earlier links of this user end."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SignInLink.objects.filter(user=user).delete()
        SignInLink.objects.create(user=user, digest=_digest(token), expires=timezone.now() + LIFETIME)
        audit.record("signin.link", actor=actor, target=user.get_username())
    return token


def look(token: str) -> User | None:
    """Whose link this is, if it still can be used."""
    link = SignInLink.objects.select_related("user").filter(digest=_digest(token)).first()
    usable = link and link.used is None and link.expires > timezone.now() and link.user.is_active
    return link.user if link and usable else None


def use(token: str) -> User | None:
    """Use the link up. None when it was used before or is too old; of two at once only one gets the user."""
    user = look(token)
    taken = user and SignInLink.objects.filter(digest=_digest(token), used=None).update(used=timezone.now())
    return user if taken else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
