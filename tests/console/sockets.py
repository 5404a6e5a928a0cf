"""A signed-in user's session, and the websockets of their pages."""

from __future__ import annotations

import time

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from console.asgi import application
from console.models import User

ORIGIN = "http://testserver"


async def signed_in(user: User, *, fresh: bool = True) -> SessionStore:
    """The session of a user who signed in just now (`fresh`: so that nothing asks for the password again)."""
    client = Client()
    await sync_to_async(client.force_login)(user)
    session = SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    if fresh:
        await session.aset(AUTHENTICATION_METHODS_SESSION_KEY, [{"method": "password", "at": time.time()}])
        await session.asave()
    return session


async def open_socket(path: str, session: SessionStore, origin: str = ORIGIN) -> WebsocketCommunicator:
    """Connected: raises when the socket was refused."""
    headers = [
        (b"host", b"testserver"),
        (b"origin", origin.encode()),
        (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session.session_key}".encode()),
    ]
    socket = WebsocketCommunicator(application, path, headers=headers)
    connected, code = await socket.connect(timeout=5)
    assert connected, code
    return socket
