"""A stream: exact origin, rights that end it, credit, heartbeats, honest ends, nothing left behind."""

import asyncio
import json

import pytest
from allauth.usersessions.models import UserSession
from channels.routing import URLRouter
from channels.sessions import SessionMiddlewareStack
from channels.testing import WebsocketCommunicator
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.urls import path

from console import streams
from console.errors import ConnectionRefused
from console.models import Grant, User
from console.streams import BAD_INPUT, DENIED, FAILED, TOO_SLOW, Denied, LineQueue, Stream

IN_TIME = streams.RECHECK  # tests shorten it
pytestmark = pytest.mark.django_db(transaction=True)


class Flood(Stream):
    """Sends numbers as fast as it may."""

    async def authorise(self):
        if not self.rights.anywhere("operations.view"):
            raise Denied

    async def run(self):
        while True:
            await self.send_message("number", text="x" * self.scope["size"])
            await asyncio.sleep(0)


class Quiet(Flood):
    async def run(self):
        await asyncio.Event().wait()

    async def received(self, message):
        if message.get("explode"):
            raise ZeroDivisionError
        await self.send_message("echo", message=message)


class Refused(Flood):
    async def run(self):
        raise ConnectionRefused("web1:22", remedy="Start sshd.")


class Broken(Flood):
    async def run(self):
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fail())

    async def _fail(self):
        raise ZeroDivisionError("secret detail")


class Brief(Flood):
    async def run(self):
        await self.send_message("only")


ROUTES = {kind.__name__.lower(): kind for kind in (Flood, Quiet, Refused, Broken, Brief)}
application = SessionMiddlewareStack(
    URLRouter([path(f"ws/{name}/", kind.as_asgi()) for name, kind in ROUTES.items()])
)


@pytest.fixture
def user():
    return User.objects.create_user("ada", password="a long password", role="viewer")


@pytest.fixture
def session(user):
    session = SessionStore()
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
    )
    session.save()
    UserSession.objects.create(user=user, session_key=session.session_key, ip="127.0.0.1", user_agent="")
    return session


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(streams, "RECHECK", 0.02)


@pytest.fixture
async def page(session):
    """Opens a stream; what is open at the end is closed, and no task may be left."""
    before, opened = asyncio.all_tasks(), []

    async def open_stream(name, *, origin="http://console:8000", size=10, key=session.session_key):
        headers = [(b"host", b"console:8000"), (b"cookie", f"vigie_session={key}".encode())]
        if origin:
            headers.append((b"origin", origin.encode()))
        communicator = WebsocketCommunicator(application, f"/ws/{name}/", headers)
        communicator.scope["size"] = size
        opened.append(communicator)
        connected, code = await communicator.connect()
        if connected and name == "quiet":
            assert await communicator.receive_json_from() == {"n": 1, "kind": "ping"}
        return communicator if connected else code

    yield open_stream
    for communicator in opened:
        if not communicator.future.done():
            await communicator.disconnect()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left
    assert not streams.open_streams


async def closing(communicator):
    """(the kinds of the frames until the end, without heartbeats; the last frame; the code)."""
    frames = []
    while True:
        output = await communicator.receive_output(5)
        if output["type"] == "websocket.close":
            return (
                [frame["kind"] for frame in frames if frame["kind"] != "ping"],
                frames[-1] if frames else {},
                output["code"],
            )
        frames.append(json.loads(output["text"]))


@pytest.mark.parametrize(
    "origin",
    [
        "http://console:8001",
        "https://console:8000",
        "http://console",
        "http://evil:8000",
        "http://console:8000.evil",
        "null",
        "",
    ],
)
async def test_another_origin_is_refused(page, origin):
    assert isinstance(await page("quiet", origin=origin), int)


async def test_behind_a_proxy_its_origin_is_named_in_the_settings(page, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://vigie.example"]
    assert not isinstance(await page("quiet", origin="https://vigie.example"), int)


async def test_over_tls_the_page_must_have_come_over_tls(page, settings):
    settings.SECURE = True
    assert isinstance(await page("quiet"), int)
    assert not isinstance(await page("quiet", origin="https://console:8000"), int)


@pytest.mark.parametrize("key", ["", "nosuchsessionnosuchsessionnosuch"])
async def test_without_a_session_it_is_denied(page, key):
    assert await closing(await page("flood", key=key)) == (["denied"], {"n": 1, "kind": "denied"}, DENIED)


async def lose_role(user, session):
    await User.objects.filter(pk=user.pk).aupdate(role="")


async def lose_account(user, session):
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)


async def lose_session(user, session):
    await session.aflush()


async def change_password(user, session):
    user.set_password("another long password")
    await user.asave()


async def idle(user, session):
    await session.aset("vigie_seen", 1.0)
    await session.asave()


async def too_long(user, session):
    await session.aset("vigie_began", 1.0)
    await session.asave()


@pytest.mark.parametrize("loss", [lose_role, lose_account, lose_session, change_password, idle, too_long])
async def test_an_open_socket_ends_with_the_right(page, user, session, loss):
    communicator = await page("quiet")
    await communicator.send_json_to({"hello": 1})
    assert (await communicator.receive_json_from())["kind"] == "echo"
    await loss(user, session)
    kinds, _, code = await closing(communicator)
    assert (kinds[-1], code) == ("denied", DENIED)


async def test_an_open_socket_ends_with_the_grant(page, user):
    await User.objects.filter(pk=user.pk).aupdate(role="")
    grant = await Grant.objects.acreate(user=user, capability="operations.*", hosts="web-*")
    communicator = await page("quiet")
    assert await communicator.receive_nothing(0.1)
    await grant.adelete()
    assert (await closing(communicator))[2] == DENIED


def test_rights_are_looked_at_in_time():
    assert IN_TIME < 5


async def frames(communicator):
    """What arrives until nothing more does."""
    found = []
    while not communicator.output_queue.empty() or not await communicator.receive_nothing(0.1):
        found.append(await communicator.receive_json_from())
    return found


async def test_no_more_than_a_window_of_frames_is_on_its_way(page, monkeypatch):
    monkeypatch.setattr(streams, "WINDOW_FRAMES", 16)
    communicator = await page("flood")
    assert [frame["n"] for frame in await frames(communicator)] == list(range(1, 17))
    await communicator.send_json_to({"ack": 10})
    assert [frame["n"] for frame in await frames(communicator)] == list(range(17, 27))


async def test_no_more_than_a_window_of_bytes_is_on_its_way(page, monkeypatch):
    monkeypatch.setattr(streams, "WINDOW_BYTES", 10_000)
    communicator = await page("flood", size=3000)
    assert [frame["kind"] for frame in await frames(communicator)] == ["ping", *["number"] * 4]


async def test_a_hidden_page_gets_heartbeats_only(page, monkeypatch):
    communicator = await page("quiet")
    await communicator.send_json_to({"pause": True})
    await communicator.send_json_to({"hello": 1})
    assert await communicator.receive_nothing(0.05)
    await communicator.send_json_to({"pause": False})
    assert (await communicator.receive_json_from())["kind"] == "echo"


async def test_heartbeats_go_on_while_the_page_is_hidden_or_behind(page, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)
    communicator = await page("quiet")
    await communicator.send_json_to({"pause": True})
    for n in (2, 3, 4):
        assert await communicator.receive_json_from() == {"n": n, "kind": "ping"}
        await communicator.send_json_to({"ack": n})


async def test_a_page_that_acknowledges_nothing_is_left(page, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)
    monkeypatch.setattr(streams, "NO_ACK", 0.1)
    communicator = await page("quiet")
    await communicator.send_json_to({"other": "messages do not count"})
    assert (await closing(communicator))[2] == TOO_SLOW


@pytest.mark.parametrize(
    "text",
    [" ", "x", "[]", "1", '"ack"', '{"ack": 1', '{"ack": 99}', '{"ack": "1"}', '{"ack": null}', " " * 300_000],
)
async def test_garbage_closes(page, text):
    communicator = await page("quiet")
    await communicator.send_to(text_data=text)
    assert (await closing(communicator))[2] == BAD_INPUT


async def test_bytes_close(page):
    communicator = await page("quiet")
    await communicator.send_to(bytes_data=b"\0\xff")
    assert (await closing(communicator))[2] == BAD_INPUT


async def test_more_messages_than_anybody_takes_close(page, monkeypatch):
    communicator = await page("quiet")
    await communicator.send_json_to({"pause": True})  # so that `received` waits
    for n in range(streams.INBOX + 2):
        await communicator.send_json_to({"n": n})
    assert (await closing(communicator))[2] == BAD_INPUT


async def test_a_failure_says_what_to_do(page):
    kinds, frame, code = await closing(await page("refused"))
    assert (kinds, code) == (["failed"], FAILED)
    assert frame["title"] == ConnectionRefused.title
    assert (frame["code"], frame["detail"], frame["remedy"]) == ("connection-refused", "web1:22", "Start sshd.")


@pytest.mark.parametrize("name", ["broken", "quiet"])
async def test_a_bug_shows_an_id_and_no_detail(page, name, caplog):
    communicator = await page(name)
    if name == "quiet":
        await communicator.send_json_to({"explode": 1})
    _, frame, code = await closing(communicator)
    assert code == FAILED
    assert "secret" not in json.dumps(frame)
    assert frame["detail"].removeprefix("id ") in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_stream_that_is_done_says_so(page):
    assert await closing(await page("brief")) == (["only", "end"], {"n": 3, "kind": "end"}, 1000)


async def test_half_a_surrogate_pair_from_a_host_can_be_sent(page):
    communicator = await page("quiet")
    await communicator.send_to(text_data='{"line": "\\udcff"}')
    assert (await communicator.receive_json_from())["message"] == {"line": "\udcff"}


async def test_lines_that_nobody_takes_are_dropped_and_counted():
    queue = LineQueue(limit=3)
    for n in range(10):
        queue.put(n)
    assert await queue.take(2) == (7, [7, 8])
    assert await queue.take(2) == (0, [9])


async def test_long_lines_are_bounded_by_their_bytes():
    queue = LineQueue(limit=100, most_bytes=100)
    for n in range(5):
        queue.put(n, size=60)
    assert await queue.take(9) == (4, [4])
