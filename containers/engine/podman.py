"""Podman's REST API (libpod, v4 and v5) over a unix socket. Routes: docs.podman.io/en/latest/_static/api.html"""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from urllib.parse import urlencode

import msgspec

from console.errors import Failed, NoEngine, Unsupported
from containers import names
from containers.engine import podman_answers as answers
from containers.engine import podman_inspect as inspected
from containers.engine.base import (
    EVENTS,
    PODS,
    QUADLET,
    ROOTLESS,
    STATS_OF_ALL,
    Call,
    Container,
    ContainerDetails,
    ContainerStats,
    Event,
    Info,
    LogLine,
    ProcessTable,
)
from containers.engine.http import EngineSocket, json_lines
from containers.engine.loglines import LogLines

OLDEST, NEWEST = 4, 5  # API versions that this file speaks
PRESENCE = 10.0  # seconds to say that it is there
ANSWER = 30.0  # seconds an answer may take beyond the time that was asked for
EVENT_KINDS = '{"type":["container","pod"]}'
PROCESSES = "pid,ppid,user,pcpu,rss,etime,args"


class PodmanCalls:
    """Every change, described: POST|DELETE /vN.0.0/libpod/containers/NAME/VERB."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def start(self, name: str) -> Call:
        return self._post("start", name)

    def stop(self, name: str, *, timeout: int = 10) -> Call:
        return self._post("stop", name, {"timeout": str(timeout)}, ["--time", str(timeout)], timeout)

    def restart(self, name: str, *, timeout: int = 10) -> Call:
        return self._post("restart", name, {"timeout": str(timeout)}, ["--time", str(timeout)], timeout)

    def pause(self, name: str) -> Call:
        return self._post("pause", name)

    def unpause(self, name: str) -> Call:
        return self._post("unpause", name)

    def kill(self, name: str, *, signal: str = "KILL") -> Call:
        signal = names.signal_name(signal)
        return self._post("kill", name, {"signal": signal}, ["--signal", signal])

    def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> Call:
        query = {key: "true" for key, wanted in (("force", force), ("v", volumes)) if wanted}
        options = [option for option, wanted in (("--force", force), ("--volumes", volumes)) if wanted]
        path = with_query(f"{self._prefix}/containers/{names.container(name)}", query)
        return Call("remove", name, "DELETE", path, shell("rm", options, name), 2 * ANSWER)

    def _post(
        self,
        verb: str,
        name: str,
        query: Mapping[str, str] | None = None,
        options: list[str] | None = None,
        extra: float = 0.0,
    ) -> Call:
        path = with_query(f"{self._prefix}/containers/{names.container(name)}/{verb}", query or {})
        return Call(verb, name, "POST", path, shell(verb, options or [], name), ANSWER + extra)


class Podman:
    """One Podman: the system's or a login's. `await Podman.connect(path)`, and `close()` it."""

    name = "podman"
    capabilities = frozenset({PODS, QUADLET, ROOTLESS, EVENTS, STATS_OF_ALL})

    def __init__(self, socket: EngineSocket, api: str) -> None:
        self.api = api
        self._socket = socket
        self._prefix = f"/v{min(major(api), NEWEST)}.0.0/libpod"
        self.calls = PodmanCalls(self._prefix)

    @classmethod
    async def connect(cls, path: str, timeout: float = PRESENCE) -> Podman:
        """`path`: the local socket that leads to Podman's.

        Raises NoEngine, NotAuthorised, Unsupported, ConnectionTimedOut.
        """
        socket = EngineSocket(path)
        try:
            return cls(socket, await _api_version(socket, timeout))
        except BaseException:
            await socket.close()
            raise

    async def info(self) -> Info:
        """GET /libpod/info"""
        with _readable():
            return answers.info(await self._get("/info"), self.api)

    async def list(self) -> tuple[Container, ...]:
        """GET /libpod/containers/json?all=true"""
        with _readable():
            return answers.containers(await self._get("/containers/json", {"all": "true"}))

    async def inspect(self, name: str) -> ContainerDetails:
        """GET /libpod/containers/NAME/json. Raises NotFound."""
        with _readable():
            return inspected.details(await self._get(f"/containers/{names.container(name)}/json"))

    async def top(self, name: str) -> ProcessTable:
        """GET /libpod/containers/NAME/top. Raises NotFound, Conflict when it is not running."""
        path = f"/containers/{names.container(name)}/top"
        with _readable():
            return answers.processes(await self._get(path, {"ps_args": PROCESSES}))

    async def perform(self, call: Call) -> None:
        """Asks first whether the engine is there at all: when it is not, it is certain that nothing was changed."""
        await self._socket.ping("/libpod/_ping", PRESENCE)
        answer = await self._socket.change(call.method, call.path, call.deadline)
        if call.verb == "remove":
            with _readable():
                answers.check_removed(answer)

    async def start(self, name: str) -> None:
        await self.perform(self.calls.start(name))

    async def stop(self, name: str, *, timeout: int = 10) -> None:
        await self.perform(self.calls.stop(name, timeout=timeout))

    async def restart(self, name: str, *, timeout: int = 10) -> None:
        await self.perform(self.calls.restart(name, timeout=timeout))

    async def pause(self, name: str) -> None:
        await self.perform(self.calls.pause(name))

    async def unpause(self, name: str) -> None:
        await self.perform(self.calls.unpause(name))

    async def kill(self, name: str, *, signal: str = "KILL") -> None:
        await self.perform(self.calls.kill(name, signal=signal))

    async def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> None:
        await self.perform(self.calls.remove(name, force=force, volumes=volumes))

    @asynccontextmanager
    async def stats(self, interval: int = 1) -> AsyncIterator[AsyncIterator[tuple[ContainerStats, ...]]]:
        """GET /libpod/containers/stats?stream=true"""
        path = self._path("/containers/stats", {"stream": "true", "interval": str(interval)})
        async with self._socket.stream(path) as pieces, aclosing(_samples(pieces)) as samples:
            yield samples

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[Event]]:
        """GET /libpod/events?stream=true"""
        path = self._path("/events", {"stream": "true", "filters": EVENT_KINDS})
        async with self._socket.stream(path) as pieces, aclosing(_events(pieces)) as events:
            yield events

    @asynccontextmanager
    async def logs(
        self, name: str, *, follow: bool = True, tail: int | None = 200, since: float | None = None
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """GET /libpod/containers/NAME/logs. Podman gives times in whole seconds.

        When a container ends while its log is followed, Podman can leave out the newest lines of the driver
        k8s-file: read on without `follow`, `since` the last line.
        """
        await self._get(f"/containers/{names.container(name)}/exists")  # the stream itself accepts every name
        path = self._path(f"/containers/{name}/logs", _log_query(follow, tail, since))
        async with self._socket.stream(path) as pieces, aclosing(_log_lines(pieces)) as lines:
            yield lines

    async def close(self) -> None:
        await self._socket.close()

    def _path(self, route: str, query: Mapping[str, str] | None = None) -> str:
        return with_query(self._prefix + route, query or {})

    async def _get(self, route: str, query: Mapping[str, str] | None = None) -> bytes:
        return await self._socket.get(self._path(route, query), ANSWER)


def major(version: str) -> int:
    """Of "5.4.2"; 0 when it is no version."""
    first = version.partition(".")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def with_query(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def shell(verb: str, options: list[str], name: str) -> str:
    return shlex.join(["podman", verb, *options, "--", name])


async def _api_version(socket: EngineSocket, timeout: float) -> str:
    headers = await socket.ping("/libpod/_ping", timeout)
    version = headers.get("Libpod-API-Version", "")
    if not version:
        raise NoEngine("What answers on this socket is not Podman")
    if major(version) < OLDEST:
        raise Unsupported(f"Podman's API {names.shown(version)} is too old: Vigie needs {OLDEST}.0 or newer")
    return version


def _log_query(follow: bool, tail: int | None, since: float | None) -> dict[str, str]:
    query = {"stdout": "true", "stderr": "true", "timestamps": "true", "follow": "true" if follow else "false"}
    if tail is not None:
        query["tail"] = str(tail)
    if since is not None:
        query["since"] = str(int(since))
    return query


async def _samples(pieces: AsyncIterator[bytes]) -> AsyncGenerator[tuple[ContainerStats, ...], None]:
    known: frozenset[str] = frozenset()
    async with aclosing(json_lines(pieces)) as lines:
        async for line in lines:
            with _readable():
                sample = answers.stats(line, known)
            known = frozenset(one.id for one in sample)
            yield sample


async def _events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    async with aclosing(json_lines(pieces)) as lines:
        async for line in lines:
            with _readable():
                event = answers.event(line)
            yield event


async def _log_lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[LogLine, None]:
    lines = LogLines()
    async for piece in pieces:
        for line in lines.feed(piece):
            yield line
    for line in lines.end():
        yield line


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failed(f"Podman's answer cannot be read: {error}") from error
