"""How long a sign-in lasts: an idle limit, an absolute limit, and the end by the user's or an admin's will."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from importlib import import_module

from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import OperationalError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from console.models import User

logger = logging.getLogger(__name__)
SEEN, BEGAN = "vigie_seen", "vigie_began"  # epoch seconds, in the session
TOUCH_EVERY = 30.0  # seconds; a write a request would be waste


async def expired(session: SessionBase) -> bool:
    await session.aget(SEEN)  # loads it
    return _is_expired(session)


def _is_expired(session: SessionBase) -> bool:
    now = time.time()
    seen, began = session.get(SEEN, now), session.get(BEGAN, now)
    return bool(now - seen > settings.SESSION_IDLE_SECONDS or now - began > settings.SESSION_ABSOLUTE_SECONDS)


async def touch(request: HttpRequest) -> None:
    """The user did something. Live pages do not count: an unattended screen must sign itself out."""
    session, now = request.session, time.time()
    if now - (await session.aget(SEEN) or 0) <= TOUCH_EVERY:
        return
    await session.aset(SEEN, now)
    if await session.aget(BEGAN) is None:
        await session.aset(BEGAN, now)
    try:
        await session.asave()
        await sync_to_async(UserSession.objects.create_from_request)(request)  # what the list of sessions shows
    except (OperationalError, UpdateError) as error:
        logger.warning("the session's last use could not be written: %s", error)
    session.modified = False  # pages stay readable when nothing can be written


async def touch_stored(key: str | None) -> None:
    """The user did something over a websocket, whose own copy of the session is old."""
    session = _store(key)
    if key and await session.aexists(key) and not await expired(session):
        await session.aset(SEEN, time.time())
        with suppress(UpdateError):  # signed out in this very moment
            await session.asave()


def end_all(user: User) -> int:
    """Sign the user out everywhere. Returns how many sessions ended."""
    listed = list(UserSession.objects.filter(user=user))
    for session in listed:
        session.end()
    return len(listed)


def user_now(key: str | None) -> User | None:
    """Whose session this still is, read anew from the database: None after sign-out, expiry, a new password, or a ban."""
    session = _store(key)
    user_id = session.get(SESSION_KEY) if key else None
    if user_id is None or _is_expired(session):
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    hash_then = session.get(HASH_SESSION_KEY, "")
    return user if user and constant_time_compare(hash_then, user.get_session_auth_hash()) else None


user_of = sync_to_async(user_now)


def _store(key: str | None) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store
