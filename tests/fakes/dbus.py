"""Peers on D-Bus: a private dbus-daemon, a service on it that says what a test wants, and sockets that misbehave."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dbus_next import Message, MessageType
from dbus_next.aio import MessageBus

_CONFIGURATION = """
<busconfig>
  <type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
  <limit name="max_message_size">100000000</limit>
</busconfig>
"""


@asynccontextmanager
async def daemon(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A dbus-daemon that listens at `path` until the end."""
    assert shutil.which("dbus-daemon"), "install Debian's package dbus-daemon"
    configuration = path.with_suffix(".conf")
    configuration.write_text(_CONFIGURATION.format(path=path))
    process = await asyncio.create_subprocess_exec(
        "dbus-daemon",
        f"--config-file={configuration}",
        "--nofork",
        "--nopidfile",
        "--print-address",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await process.stdout.readline()  # its address: it listens
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        path.unlink(missing_ok=True)


class Peer:
    """A service that answers method calls by member: `answers[member]` makes the reply, or None for silence."""

    NAME = "org.example.Peer"
    PATH = "/org/example/Peer"

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.answers: dict[str, Callable[[Message], Message | None]] = {}
        self.asked: list[Message] = []
        bus.add_message_handler(self._handle)

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.member not in self.answers:
            return None
        self.asked.append(message)
        return self.answers[message.member](message) or True

    def says(self, member: str, signature: str = "", *body: object) -> None:
        self.answers[member] = lambda call: Message.new_method_return(call, signature, list(body))

    def fails(self, member: str, name: str, text: str) -> None:
        self.answers[member] = lambda call: Message.new_error(call, name, text)

    async def emit(
        self, path: str, interface: str, member: str, signature: str = "", *body: object, to: str | None = None
    ) -> None:
        signal = Message.new_signal(path, interface, member, signature, list(body))
        signal.destination = to
        await self.bus.send(signal)


@asynccontextmanager
async def peer(path: Path, name: str = Peer.NAME) -> AsyncIterator[Peer]:
    bus = await MessageBus(bus_address=f"unix:path={path}").connect()
    await bus.request_name(name)
    try:
        yield Peer(bus)
    finally:
        bus.disconnect()
        await asyncio.sleep(0)
        bus._finalize(EOFError())
        bus._disconnect_future.exception()
        bus._stream.close()
        bus._sock.close()


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def socket_that(path: Path, conversation: Conversation) -> AsyncIterator[None]:
    """A unix socket whose far end does as told, and then closes."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await conversation(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
