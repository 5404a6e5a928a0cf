"""HTTP to Django, static files to servestatic, websockets to the apps' streams. One process, one event loop."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from servestatic import ServeStaticASGI

from console.handler import get_handler

django_application = get_handler()

from console.urls import websockets  # noqa: E402  (needs the apps loaded)


def is_immutable(path: str, url: str) -> bool:
    """Collected files carry their content's hash in their name (`frame.0123456789ab.css`)."""
    parts = url.rsplit("/", 1)[-1].split(".")
    return len(parts) > 2 and len(parts[-2]) == 12


application = ProtocolTypeRouter(
    {
        "http": ServeStaticASGI(
            django_application,
            root=settings.STATIC_ROOT if settings.STATIC_ROOT.is_dir() else None,
            prefix="static/",
            allow_all_origins=False,
            immutable_file_test=is_immutable,
        ),
        "websocket": SessionMiddlewareStack(URLRouter(websockets)),
    }
)
