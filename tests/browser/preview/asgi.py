import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.browser.preview.settings"

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

django_application = get_asgi_application()

from tests.browser.preview.urls import websockets  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": ServeStaticASGI(django_application, root=settings.STATIC_ROOT, prefix="static/"),
        "websocket": AuthMiddlewareStack(URLRouter(websockets)),
    }
)
