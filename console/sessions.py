"""How long a sign-in lasts: an idle limit, an absolute limit, and the end by the user's or an admin's will."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from console.models import User

SEEN, BEGAN = "vigie_seen", "vigie_began"  # epoch seconds, in the session
TOUCH_EVERY = 30.0  # seconds; a write a request would be waste


async def expired(session: SessionBase) -> bool:
    now = time.time()
    seen, began = await session.aget(SEEN, now), await session.aget(BEGAN, now)
    return bool(now - seen > settings.SESSION_IDLE_SECONDS or now - began > settings.SESSION_ABSOLUTE_SECONDS)


async def touch(session: SessionBase) -> None:
    """The user did something. Live pages do not count: an unattended screen must sign itself out."""
    now = time.time()
    if await session.aget(BEGAN) is None:
        await session.aset(BEGAN, now)
    if now - (await session.aget(SEEN) or 0) > TOUCH_EVERY:
        await session.aset(SEEN, now)


async def user_of(session: Any) -> User | None:
    """Whose session this still is, read anew from the database: None after sign-out, expiry, a new password, or a ban."""
    fresh = type(session)(session.session_key) if getattr(session, "session_key", None) else None
    if fresh is None or not await fresh.aexists(fresh.session_key) or await expired(fresh):
        return None
    user = await User.objects.filter(pk=await fresh.aget(SESSION_KEY), is_active=True).afirst()
    if user is None or not constant_time_compare(
        await fresh.aget(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    ):
        return None
    return user
