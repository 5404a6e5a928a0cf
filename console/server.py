"""Daphne, our loops and the way out, in one process and one event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from daphne.server import Server as Daphne
from twisted.internet import defer, reactor

from console.certificates import Certificate
from console.launch import CannotStart, Listen
from console.supervisor import supervisor

SECONDS_TO_END = 10.0


class Server(Daphne):
    """`run()` returns when SIGINT or SIGTERM came and everything has ended; CannotStart when it could not listen."""

    def __init__(self, listen: Listen, certificate: Certificate | None, on_ready: Callable[[], None]) -> None:
        from console.asgi import application

        self.on_ready = on_ready
        self.failure = ""
        super().__init__(
            application,
            endpoints=[endpoint(listen, certificate)],
            signal_handlers=False,  # Twisted's would also take SIGCHLD, which is asyncio's
            ready_callable=lambda: reactor.callWhenRunning(self._begin),
            server_name="vigie",
            verbosity=0,
        )

    def run(self) -> None:
        super().run()
        if self.failure:
            raise CannotStart(self.failure)

    def listen_error(self, failure: Any) -> None:
        self.failure = f"Cannot listen: {failure.getErrorMessage()}"
        super().listen_error(failure)

    def _begin(self) -> None:
        loop = asyncio.get_event_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        self._starting = loop.create_task(self._start(), name="start")

    async def _start(self) -> None:
        await supervisor.start()
        await sync_to_async(self.on_ready)()

    def stop(self) -> None:
        """Once: a second Ctrl-C must not break into the end of the first."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_event_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        super().stop()

    def kill_all_applications(self) -> defer.Deferred[None]:
        """Daphne calls it before the reactor stops, which waits for what is returned here."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        """Requests and streams first, since they may wait for the loops; then the loops."""
        running = [entry.get("application_instance") for entry in self.connections.values()]
        tasks = [task for task in running if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=SECONDS_TO_END)
        await supervisor.stop()


def endpoint(listen: Listen, certificate: Certificate | None) -> str:
    """Twisted's description of what to listen on."""
    place = f"port={listen.port}:interface={_escape(listen.host)}"
    if certificate is None:
        return f"tcp:{place}"
    files = f"privateKey={_escape(certificate.key)}:certKey={_escape(certificate.certificate)}"
    chain = f":extraCertChain={_escape(certificate.chain)}" if certificate.chain else ""
    return f"ssl:{place}:{files}{chain}"


def _escape(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace(":", r"\:").replace("=", r"\=")


def resolve(listen: Listen) -> Listen:
    """With an address in place of a name, after a try to bind it; CannotStart says why it cannot be used."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise CannotStart(_why(listen, error)) from error
    return Listen(str(place[0]), listen.port)


def _why(listen: Listen, error: OSError) -> str:
    where = f"{listen.host}:{listen.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {listen.port} on {listen.host} is in use. Give another: --listen {listen.host}:PORT"
        case errno.EACCES:
            return f"Only root may listen on {where}. Choose a port above 1023: --listen {listen.host}:8443"
        case errno.EADDRNOTAVAIL:
            return f"{listen.host} is not an address of this machine. See them with: ip address"
    return f"Cannot listen on {where}: {error.strerror}."


def tell_systemd(message: str) -> None:
    """sd_notify(3): a service of Type=notify counts as started only when it serves."""
    if place := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(message.encode(), "\0" + place[1:] if place.startswith("@") else place)
