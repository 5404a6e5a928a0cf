"""One connection to a D-Bus daemon: calls with deadlines, signals by subscription, an end that is noticed.

The only importer of dbus_next. What that library lacks is added here:
- its authentication loops for ever at an end of file; here every read ends the connection at one, and connecting
  has a deadline;
- it takes a full socket for the end of the connection; here asyncio's streams write;
- its calls have no timeout and one that is given up leaks its handler;
- it decodes slowly, and on the event loop: here bodies are decoded by `hosts.dbus.decode`, a large message in a
  thread, so that a list of thousands of units delays nobody, and a flood of small ones yields to others;
- it tells the daemon the local uid, which is wrong through a forwarded socket: here the daemon takes the identity
  of the process at the far end of the socket, locally as well as remotely.
File descriptors are never negotiated: they cannot cross SSH.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from dbus_next import Variant, errors
from dbus_next._private.constants import LITTLE_ENDIAN
from dbus_next._private.unmarshaller import Unmarshaller
from dbus_next.aio import MessageBus
from dbus_next.constants import MessageType
from dbus_next.message import Message
from dbus_next.message_bus import BaseMessageBus
from dbus_next.signature import SignatureType

from console.errors import (
    AnswerTimedOut,
    ConnectionTimedOut,
    ConsoleError,
    Disconnected,
    Failed,
    InvalidInput,
    NoDBus,
    NotAuthorised,
)
from hosts.dbus import wire
from hosts.dbus.decode import reader
from hosts.dbus.failures import failure
from hosts.dbus.signals import Rule, Signal, Subscription

__all__ = ["Bus", "Signal", "Subscription", "Variant"]

logger = logging.getLogger(__name__)

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"

_THREAD_FROM = 128 * 1024  # bytes; larger messages take more than about 5 ms to decode
_TURN = 0.005  # seconds of messages in a row before others get the loop
_BAD_ARGUMENTS = (
    errors.InvalidBusNameError,
    errors.InvalidInterfaceNameError,
    errors.InvalidMemberNameError,
    errors.InvalidObjectPathError,
    errors.SignatureBodyMismatchError,
)


class _PlainUnmarshaller(Unmarshaller):
    """Decodes one whole message: its header as dbus-next does, its body into plain values."""

    offset: int

    def __init__(self, data: bytes, body_starts: int) -> None:
        super().__init__(io.BytesIO())  # nothing more to read: a message that lies about its length ends here
        self.buf = bytearray(data)
        self._data = data
        self._body_starts = body_starts

    def read_argument(self, type_: SignatureType) -> Any:
        if self.offset < self._body_starts:  # still in the header
            return super().read_argument(type_)
        read = reader(type_.signature, "<" if self.endian == LITTLE_ENDIAN else ">")
        value, self.offset = read(self._data, self.offset)
        return value


class _Connection(MessageBus):
    """dbus-next's bus over asyncio's streams, with the guards it lacks."""

    def __init__(self) -> None:
        super().__init__(bus_address=f"unix:path={DAEMON_PATH}")  # parsed there, not used: see `open`
        self.closed = asyncio.Event()
        self._source: asyncio.StreamReader
        self._sink: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    def _setup_socket(self) -> None:
        """The base class would connect here, blocking."""
        self._sock, self._fd, self._stream = None, -1, None

    async def open(self, path: str) -> None:
        self._source, self._sink = await asyncio.open_unix_connection(path, limit=256 * 1024)
        await self._authenticate()
        self._reading = asyncio.create_task(self._read(), name=f"dbus {path}")
        hello = Message(destination=DAEMON, path=DAEMON_PATH, interface=DAEMON, member="Hello")
        reply = await self.call(hello)
        if reply.message_type is not MessageType.METHOD_RETURN:
            raise failure(reply.error_name, " ".join(map(str, reply.body)))
        self.unique_name = reply.body[0]

    async def _authenticate(self) -> None:
        """EXTERNAL without an identity, all in one go as sd-bus does it: one round trip."""
        assert self._sink is not None
        self._sink.write(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        for expected in (b"DATA", b"OK"):
            line = await self._source.readuntil(b"\r\n")
            if line.split()[:1] == [b"REJECTED"]:
                raise NotAuthorised("The D-Bus daemon does not let this user in.")
            if line.split()[:1] != [expected]:
                raise NoDBus("What answered does not speak D-Bus.")

    async def _read(self) -> None:
        error: Exception | None = None
        try:
            while True:
                await self._read_for_a_turn()
                await asyncio.sleep(0)
        except Exception as foreign:  # whatever it was, this connection cannot go on, and all who wait are told
            error = foreign
            if not isinstance(foreign, asyncio.IncompleteReadError | OSError):
                logger.warning("a D-Bus connection ended: %r", foreign)
        finally:
            self._finalize(error or EOFError())

    async def _read_for_a_turn(self) -> None:
        until = self._loop.time() + _TURN
        while self._loop.time() < until:
            fixed = await self._source.readexactly(wire.FIXED_HEADER)
            body_starts, length = wire.lengths(fixed)
            data = fixed + await self._source.readexactly(length - wire.FIXED_HEADER)
            unmarshaller = _PlainUnmarshaller(data, body_starts)
            if length < _THREAD_FROM:
                self._on_message(unmarshaller.unmarshall())
            else:
                self._on_message(await asyncio.to_thread(unmarshaller.unmarshall))

    def send(self, msg: Message) -> None:
        if not msg.serial:
            msg.serial = self.next_serial()
        if self._sink is not None and not self.closed.is_set():
            self._sink.write(bytes(msg._marshall()))

    async def call(self, msg: Message) -> Message:
        """The reply; EOFError when the connection ended. Given up (timeout, cancel), it leaves nothing behind."""
        future: asyncio.Future[Message] = self._loop.create_future()

        def settle(reply: Message | None, error: Exception | None) -> None:
            if future.done():
                return
            if reply is not None:
                future.set_result(reply)
            else:
                future.set_exception(EOFError(repr(error)))

        self._call(msg, settle)
        try:
            return await future
        finally:
            self._method_return_handlers.pop(msg.serial, None)

    def _finalize(self, err: Exception | None = None) -> None:
        BaseMessageBus._finalize(self, err)
        self.closed.set()
        if self._sink is not None:
            self._sink.close()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        self._finalize(EOFError())
        if self._sink is not None:
            with suppress(OSError):  # the far end may have gone first
                await self._sink.wait_closed()


@contextmanager
def _connect_failures(path: str, timeout: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ConnectionTimedOut(f"D-Bus did not answer within {timeout:g} s.") from error
    except PermissionError as error:
        raise NotAuthorised(f"The D-Bus socket {path} may not be opened by this user.") from error
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:  # IncompleteReadError is an EOFError
        raise NoDBus("The D-Bus daemon ended the connection before it began.") from error


class Bus:
    """Speaks with one D-Bus daemon. Every method raises ConsoleErrors only."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._subscriptions: list[Subscription] = []
        self._rules: dict[Rule, int] = {}  # how many subscriptions share each rule
        self._owners: dict[str, str] = {}  # well-known name -> unique name, of the senders subscribed to
        self._rules_lock = asyncio.Lock()
        self.unique_name = str(connection.unique_name)
        connection.add_message_handler(self._on_message)

    @classmethod
    async def connect(cls, path: str, timeout: float = 10.0) -> Bus:
        """To the daemon at a local unix socket. Raises NoDBus, ConnectionTimedOut, NotAuthorised."""
        connection = _Connection()
        try:
            with _connect_failures(path, timeout):
                async with asyncio.timeout(timeout):
                    await connection.open(path)
        except BaseException:
            await connection.close()
            raise
        return cls(connection)

    @property
    def closed(self) -> bool:
        return self._connection.closed.is_set()

    async def wait_closed(self) -> None:
        """Returns when the connection is lost or closed."""
        await self._connection.closed.wait()

    async def close(self) -> None:
        """Safe to call twice. Calls under way fail with Disconnected."""
        await self._connection.close()

    async def call(  # noqa: PLR0917 - in the order of busctl's own arguments
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        timeout: float = 25.0,
        *,
        returns: str = "",
    ) -> list[Any]:
        """The values of the reply, as plain Python ones: variants unwrapped, structs as lists, `ay` as bytes.

        In `body` a variant is `Variant("s", value)`. Raises AnswerTimedOut after `timeout` seconds, Disconnected when
        the connection is lost meanwhile, InvalidInput for what cannot be sent, and what `hosts.dbus.failures` lists.
        `returns` is the signature the answer must have, if it matters: Failed when it has another.
        """
        message = _message(destination, path, interface, member, signature, body)
        reply = await self._answer(message, timeout)
        if reply.message_type is MessageType.ERROR:
            raise failure(reply.error_name, " ".join(part for part in reply.body if isinstance(part, str)))
        if returns and reply.signature != returns:
            raise Failed(f"{member} was answered in a form that is not known.")
        return list(reply.body)

    async def _answer(self, message: Message, timeout: float) -> Message:
        if self.closed:
            lost = Disconnected()
            lost.outcome_known = True  # it was never sent
            raise lost
        try:
            async with asyncio.timeout(timeout):
                return await self._connection.call(message)
        except TimeoutError as error:
            raise AnswerTimedOut(f"{message.member} was not answered within {timeout:g} s.") from error
        except errors.SignatureBodyMismatchError as error:
            raise InvalidInput(str(error)) from error
        except EOFError as error:
            raise Disconnected(f"The connection was lost during {message.member}.") from error

    async def get_all(self, destination: str, path: str, interface: str) -> dict[str, Any]:
        """All properties of one interface ("" for all interfaces, where the service allows it)."""
        (properties,) = await self.call(destination, path, PROPERTIES, "GetAll", "s", [interface])
        return dict(properties)

    async def get(self, destination: str, path: str, interface: str, name: str) -> Any:
        """One property's value."""
        (value,) = await self.call(destination, path, PROPERTIES, "Get", "ss", [interface, name])
        return value

    async def subscribe(
        self,
        callback: Callable[[Signal], None],
        *,
        sender: str = "",
        interface: str = "",
        member: str = "",
        path: str = "",
        path_namespace: str = "",
        arg0: str = "",
    ) -> Subscription:
        """From its return on, `callback` is called in the event loop for every signal that fits, in their order.

        With a `sender` only signals of that name's present owner count: whoever may connect to the bus can send any
        signal straight to us. Identical rules cost the daemon one. The subscription ends with the connection.
        """
        rule = Rule(sender, interface, member, path, path_namespace, arg0)
        subscription = Subscription(rule, callback, self._unsubscribe)
        async with self._rules_lock:
            await self._follow_owner(sender)
            self._subscriptions.append(subscription)
            try:
                await self._add_rule(rule)
            except BaseException:
                self._subscriptions.remove(subscription)
                raise
        return subscription

    async def _unsubscribe(self, subscription: Subscription) -> None:
        async with self._rules_lock:
            if subscription not in self._subscriptions:
                return
            self._subscriptions.remove(subscription)
            await self._remove_rule(subscription.rule)

    async def _add_rule(self, rule: Rule) -> None:
        if rule not in self._rules:
            await self.call(DAEMON, DAEMON_PATH, DAEMON, "AddMatch", "s", [rule.text()])
        self._rules[rule] = self._rules.get(rule, 0) + 1

    async def _remove_rule(self, rule: Rule) -> None:
        self._rules[rule] -= 1
        if self._rules[rule]:
            return
        del self._rules[rule]
        with suppress(ConsoleError):  # the daemon forgets a lost connection's rules by itself
            await self.call(DAEMON, DAEMON_PATH, DAEMON, "RemoveMatch", "s", [rule.text()])

    async def _follow_owner(self, name: str) -> None:
        if name in ("", DAEMON) or name.startswith(":") or name in self._owners:
            return
        self._owners[name] = ""
        try:
            await self._add_rule(Rule(DAEMON, DAEMON, "NameOwnerChanged", DAEMON_PATH, arg0=name))
            owner = await self._owner(name)
        except BaseException:
            del self._owners[name]
            raise
        self._owners[name] = self._owners[name] or owner  # a change that was seen meanwhile is newer

    async def _owner(self, name: str) -> str:
        """The unique name behind a well-known one, "" while nobody owns it."""
        try:
            (owner,) = await self.call(DAEMON, DAEMON_PATH, DAEMON, "GetNameOwner", "s", [name])
        except ConsoleError as error:
            if error.facts.get("dbus_error") == "org.freedesktop.DBus.Error.NameHasNoOwner":
                return ""
            raise
        return str(owner)

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        signal = Signal(message.path, message.interface, message.member, message.body, message.sender or "")
        if signal.sender == DAEMON and signal.member == "NameOwnerChanged" and signal.body[0] in self._owners:
            self._owners[signal.body[0]] = signal.body[2]
        for subscription in tuple(self._subscriptions):
            rule = subscription.rule
            if rule.matches(signal) and self._is_from(signal, rule.sender):
                subscription.deliver(signal)

    def _is_from(self, signal: Signal, name: str) -> bool:
        return name in ("", signal.sender) or self._owners.get(name) == signal.sender


def _message(  # noqa: PLR0917 - as Bus.call
    destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[Any]
) -> Message:
    for name in (destination, path, interface, member):
        if not (name.isascii() and name.isprintable()):  # dbus-next lets a line feed at the end pass
            raise InvalidInput(f"{name!r} is no D-Bus name.")
    try:
        return Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=[_sendable(value) for value in body],
        )
    except _BAD_ARGUMENTS as error:
        raise InvalidInput(str(error)) from error


def _sendable(value: Any) -> Any:
    """As dbus-next wants it: structs and arrays as lists. Refuses texts that would end the connection."""
    if isinstance(value, str):
        return wire.sendable(value)
    if isinstance(value, Variant):
        return Variant(value.signature, _sendable(value.value))
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    return [_sendable(item) for item in value] if isinstance(value, list | tuple) else value
