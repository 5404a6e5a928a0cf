"""HTTP over an engine's unix socket: bounded answers, streams, and every foreign error mapped once.

The one importer of aiohttp. The error bodies are libpod's {cause, message, response}; Docker's {message} fits too.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus

import aiohttp
import msgspec

from console.errors import (
    AnswerTimedOut,
    Conflict,
    ConnectionTimedOut,
    ConsoleError,
    Disconnected,
    Failed,
    InvalidInput,
    NoEngine,
    NotAuthorised,
    NotFound,
    Unsupported,
)
from containers.engine.base import EngineGone

LARGEST_ANSWER = 64 * 1024 * 1024  # bytes
LARGEST_LINE = 16 * 1024 * 1024  # bytes of one JSON object in a stream
LONGEST_WORDS = 2000  # characters of the engine's words that are kept
KEEP_ALIVE = 4.0  # seconds; Podman's service leaves after 5 s without a request

_STATUS: dict[int, type[ConsoleError]] = {
    400: InvalidInput,
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    501: Unsupported,
}
# Podman answers 500 to some of what are conflicts and mistakes.
_CAUSE: dict[str, type[ConsoleError]] = {
    "container state improper": Conflict,
    "no such container": NotFound,
    "no such pod": NotFound,
    "top can only be used on running containers": Conflict,
}


class _Refusal(msgspec.Struct):
    message: str = ""
    cause: str = ""


class EngineSocket:
    """HTTP to the engine behind a local unix socket. Make it inside the event loop; close it."""

    def __init__(self, path: str) -> None:
        connector = aiohttp.UnixConnector(path, limit=0, keepalive_timeout=KEEP_ALIVE)
        self._session = aiohttp.ClientSession(
            "http://engine", connector=connector, trust_env=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        self._streams: set[aiohttp.ClientResponse] = set()

    async def ping(self, path: str, timeout: float) -> Mapping[str, str]:
        """The answer's headers. Raises NoEngine when nothing useful is behind the socket, ConnectionTimedOut."""
        with _mapped(lost=NoEngine, late=ConnectionTimedOut):
            async with self._ask("GET", path, timeout) as response:
                await _read(response)
                if response.status != HTTPStatus.OK:
                    raise NoEngine(f"The engine's socket answered {response.status}")
                return response.headers

    async def get(self, path: str, timeout: float = 30.0) -> bytes:
        """Raises what the engine refuses; EngineGone when the connection breaks."""
        with _mapped(lost=EngineGone):
            async with self._ask("GET", path, timeout) as response:
                return await _accepted(response)

    async def change(self, method: str, path: str, timeout: float) -> bytes:
        """Raises Disconnected or AnswerTimedOut when it may or may not have happened."""
        with _mapped(lost=Disconnected):
            async with self._ask(method, path, timeout) as response:
                return await _accepted(response)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Entered once the engine has accepted. The pieces end with the answer; EngineGone when it breaks off.

        Reading slowly holds the engine back (TCP's window); leaving the block cuts the connection.
        """
        with _mapped(lost=EngineGone):
            response = await self._ask("GET", path, None)
        self._streams.add(response)
        try:
            if response.status >= HTTPStatus.BAD_REQUEST:
                with _mapped(lost=EngineGone):
                    await _accepted(response)
            yield _pieces(response)
        finally:
            self._streams.discard(response)
            response.close()

    async def close(self) -> None:
        """Ends every stream and call. Safe to call twice."""
        for response in self._streams:
            response.close()  # the session's own close does not wake a reader that waits
        await self._session.close()

    def _ask(self, method: str, path: str, timeout: float | None) -> aiohttp.client._RequestContextManager:
        if self._session.closed:
            raise EngineGone("The connection to the engine is closed")
        return self._session.request(
            method, path, timeout=aiohttp.ClientTimeout(total=timeout), allow_redirects=False
        )


async def json_lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """One JSON object a line. Raises EngineGone at the end, for such streams are meant to have none."""
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        *whole, last = rest.split(b"\n") if b"\n" in piece else [rest]
        rest = bytearray(last)
        for line in whole:
            if line.strip():
                yield bytes(line)
        if len(rest) > LARGEST_LINE:
            raise Failed(f"The engine sent an object of more than {LARGEST_LINE} bytes")
    raise EngineGone("The engine ended the stream")


async def _pieces(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    while True:
        with _mapped(lost=EngineGone):
            piece = await _piece(response)
        if not piece:
            return
        yield piece


async def _piece(response: aiohttp.ClientResponse) -> bytes:
    """What has come, b"" at the end."""
    try:
        return await response.content.readany()
    except RuntimeError as error:  # closed by us under the reader
        raise aiohttp.ClientConnectionError(str(error)) from error


async def _accepted(response: aiohttp.ClientResponse) -> bytes:
    body = await _read(response)
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise refusal(response.status, body)
    return body


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while piece := await _piece(response):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise Failed(f"The engine's answer is larger than {LARGEST_ANSWER} bytes")
    return bytes(body)


def refusal(status: int, body: bytes) -> ConsoleError:
    """The error for an HTTP status of 400 and above, in the engine's words."""
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = _Refusal(message=body.decode("utf-8", "replace"))
    kind = _CAUSE.get(said.cause) or _STATUS.get(status, Failed)
    return kind(_words(said.message or said.cause or f"The engine answered {status}"))


def _words(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text[:LONGEST_WORDS]).strip()


@contextmanager
def _mapped(lost: type[ConsoleError], late: type[ConsoleError] = AnswerTimedOut) -> Iterator[None]:
    """aiohttp's exceptions to ours; `lost` and `late`: what a broken connection and no answer mean here."""
    try:
        yield
    except TimeoutError as error:
        raise late("The container engine did not answer in time") from error
    except aiohttp.ClientConnectorError as error:
        raise _not_connected(error) from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
        raise lost("The connection to the container engine was lost") from error
    except aiohttp.ClientError as error:
        raise Failed(f"This is no container engine's answer: {_words(str(error))}") from error


def _not_connected(error: aiohttp.ClientConnectorError) -> ConsoleError:
    if isinstance(error.os_error, PermissionError):
        return NotAuthorised("Vigie's user may not use the container engine's socket")
    return NoEngine(_words(str(error.os_error.strerror or error.os_error)))
