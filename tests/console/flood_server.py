"""A real Daphne with one stream that never ends, for a client that never reads. Prints its port."""

import asyncio
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

import django

django.setup()

from channels.routing import URLRouter  # noqa: E402
from daphne.endpoints import build_endpoint_description_strings  # noqa: E402
from daphne.server import Server  # noqa: E402
from django.urls import path  # noqa: E402

from console import streams  # noqa: E402

streams.NO_ACK = float(sys.argv[1])
streams.HEARTBEAT = min(streams.HEARTBEAT, streams.NO_ACK / 5)


class Flood(streams.Stream):
    async def _check(self):
        """Everybody may."""

    async def run(self):
        try:
            while True:
                await self.send_message("line", text="x" * 10_000)
                await asyncio.sleep(0)
        finally:
            print("ended", flush=True)


class Announced(Server):
    def listen_success(self, port):
        print(port.getHost().port, flush=True)
        return super().listen_success(port)


Announced(
    application=URLRouter([path("ws/flood/", Flood.as_asgi())]),
    endpoints=build_endpoint_description_strings(host="127.0.0.1", port=0),
).run()
