"""A terminal on a real host, as its page uses it: through the stream."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time

import pytest

from console import sessions
from console.models import AuditEntry, User
from hosts import terminal as domain
from hosts.terminal import Owner, Terminal, terminals
from tests.console.sockets import open_socket, signed_in
from tests.hosts.watching import watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


class Page:
    """What terminal.js does: acknowledges, says what it has drawn, keeps what was printed."""

    def __init__(self, socket):
        self.socket = socket
        self.printed = b""
        self.offset = ""
        self.frames = []

    async def frame(self, timeout=10):

        frame = json.loads(await self.socket.receive_from(timeout))
        await self.say(ack=frame.get("n", 0))
        if frame["kind"] == "output":
            self.printed += base64.b64decode(frame["data"])
            self.offset = frame["resume"]
            await self.say(drawn=int(frame["resume"]))
        self.frames.append(frame)
        return frame

    async def say(self, **message):
        await self.socket.send_json_to(message)

    async def type(self, text):
        await self.say(input=text)

    async def until(self, text, timeout=10):
        async with asyncio.timeout(timeout):
            while text.encode() not in self.printed:
                await self.frame(timeout)

    async def kind(self, kind, timeout=10):
        async with asyncio.timeout(timeout):
            while True:
                if (frame := await self.frame(timeout))["kind"] == kind:
                    return frame

    async def close(self):
        await self.socket.disconnect()


class Desk:
    """A user with a session in front of a host."""

    def __init__(self, host, user, session):
        self.host, self.user, self.session = host, user, session
        self.owner = Owner(user, session.session_key)

    async def page(self, name="one", resume="", login="", invite=True):
        if invite:
            terminals.invite(self.owner, self.host, name)
        query = f"?columns=100&rows=30&login={login}" + (f"&resume={resume}" if resume else "")
        return Page(await open_socket(f"/ws/host/{self.host.name}/terminal/{name}/{query}", self.session))

    async def open(self, name="one", **how):
        page = await self.page(name, **how)
        await page.kind("attached")
        return page

    def terminal(self, name="one"):
        return terminals.find(self.owner, self.host, name)

    async def ended(self, name="one", timeout=10):
        async with asyncio.timeout(timeout):
            while isinstance(self.terminal(name), Terminal):
                await asyncio.sleep(0.05)
        return self.terminal(name)


@pytest.fixture
async def desk(web1, monkeypatch):
    monkeypatch.setattr(domain, "RECHECK", 0.2)
    user = await User.objects.acreate(username="ada", role="admin")
    async with watching(web1) as host:
        yield Desk(host, user, await signed_in(user))


async def test_echo_size_and_letters(desk):
    page = await desk.open()
    await page.type("stty size; echo $((40 + 2)) $0; tty\n")
    await page.until("30 100")
    await page.until("42 -bash")
    await page.say(resize=[132, 43])
    await page.type("stty size\n")
    await page.until("43 132")
    await page.type("printf 'gr\\303\\274\\303\\237e\\342\\202\\254 \\360\\237\\220\\247\\n'\n")
    await page.until("grüße€ 🐧")
    await page.type("exit 7\n")
    over = await page.kind("over")
    assert (over["reason"], over["code"]) == ("exited", 7)
    await page.close()


async def test_every_byte_arrives_as_it_was_printed(desk):
    page = await desk.open()
    await page.type(
        "stty -opost -echo; printf '<%s' 'begin>'; head -c 300000 /dev/urandom | tee /tmp/bytes; printf '<%s' 'end>'\n"
    )
    await page.until("<end>", timeout=20)
    got = page.printed.split(b"<begin>")[1].split(b"<end>")[0]
    assert len(got) == 300_000
    page.printed = b""
    await page.type("sha256sum /tmp/bytes; rm /tmp/bytes\n")

    await page.until(hashlib.sha256(got).hexdigest())
    await page.close()


async def test_a_flood_is_held_back_and_interrupted_at_once(desk):
    page = await desk.page()
    await page.kind("attached")
    await page.type("yes vigie\n")
    await page.until("vigie\r\nvigie")
    await asyncio.sleep(1.5)  # the page draws nothing meanwhile
    held = desk.terminal().scrollback.end
    await asyncio.sleep(0.5)
    assert desk.terminal().scrollback.end == held, "the host is read on though nobody takes it"
    assert held - int(page.offset) <= 2 * 256 * 1024 + 64 * 1024
    await page.type("\x03echo $((6 * 7))-stopped\n")
    await page.until("42-stopped", timeout=30)
    await page.close()


async def test_a_reload_finds_the_same_shell_and_what_was_printed_meanwhile(desk):
    page = await desk.open()
    await page.type("echo shell-$$; (sleep 1; echo mean''while) &\n")
    await page.until("\rshell-")
    await page.close()
    await asyncio.sleep(1.5)
    again = await desk.open(invite=False)
    await again.until("meanwhile")
    first = page.printed.split(b"\rshell-")[1].split()[0]
    assert b"\rshell-" + first in again.printed, "what was there before is shown again"
    assert any(frame.get("replay") for frame in again.frames)
    again.printed = b""
    await again.type("echo still-$$\n")
    await again.until(f"still-{first.decode()}")
    await again.close()


async def test_a_lost_socket_goes_on_at_the_exact_byte(desk):
    page = await desk.open()
    await page.type("echo fi''rst\n")
    await page.until("first\r\n")
    await page.close()
    again = await desk.page(resume=page.offset, invite=False)
    assert (await again.kind("attached"))["anew"] is False
    await again.type("echo sec''ond\n")
    await again.until("second")
    assert b"first" not in again.printed
    await again.close()
    lost = await desk.page("never", resume="17")
    assert (await lost.kind("over"))["reason"] == "lost"
    await lost.close()


async def test_another_page_takes_it_over(desk):
    page, other = await desk.open(), await desk.open()
    assert (await page.kind("over"))["reason"] == "taken"
    await page.close()
    await other.type("echo mi''ne\n")
    await other.until("mine")
    await other.close()


async def test_terminals_are_independent(desk):
    one, two = await desk.open("one"), await desk.open("two")
    await one.type("tty; exit\n")
    await one.kind("over")
    await two.type("echo al''ive\n")
    await two.until("alive")
    for page in (one, two):
        await page.close()


async def test_as_another_login(desk):
    page = await desk.open(login="alice")
    await page.type("id -un; pwd; echo $TERM\n")
    await page.until("alice\r\n/home/alice\r\nxterm-256color")
    await page.close()
    nobody = await desk.page("two", login="no-such-login")
    assert (await nobody.kind("over"))["reason"] == "failed"
    await nobody.close()


async def left_on(web1, marker):
    return await asyncio.to_thread(web1.shell, f"pgrep -f -- '{marker}' || true")


@pytest.mark.parametrize("how", ["sign-out", "role"])
async def test_without_session_or_right_nothing_is_left_on_the_host(desk, web1, how):
    page = await desk.open()
    marker = f"97{time.time_ns() % 10**6}"
    await page.type(f"sleep {marker} & sleep {marker}; echo\n")
    for _ in range(50):
        if len((await left_on(web1, f"sleep {marker}")).split()) >= 2:
            break
        await asyncio.sleep(0.1)
    if how == "sign-out":
        await desk.session.aflush()
    else:
        desk.user.role = "operator"
        await desk.user.asave()
    assert (await desk.ended()).reason == "denied"
    await asyncio.sleep(0.3)
    assert await left_on(web1, f"[s]leep {marker}") == ""
    await page.close()


async def test_after_its_minute_alone_it_ends(desk, monkeypatch):
    monkeypatch.setattr(domain, "GRACE", 0.5)
    page = await desk.open()
    await asyncio.sleep(1)
    assert isinstance(desk.terminal(), Terminal), "with a page it stays"
    await page.close()
    assert (await desk.ended()).reason == "left"
    again = await desk.page()
    assert (await again.kind("over"))["reason"] == "left"
    await again.close()


async def test_a_lost_connection_ends_it(desk, web1):
    page = await desk.open()
    await asyncio.to_thread(web1.restart_sshd)
    assert (await page.kind("over", timeout=20))["reason"] == "lost"
    await page.close()


async def test_opening_needs_a_page_that_was_shown_to_a_fresh_user(desk):
    page = await desk.page(invite=False)
    await page.kind("confirm")
    await page.close()
    assert desk.terminal() is None


async def test_a_limit_for_each_user_and_host(desk, monkeypatch):
    monkeypatch.setattr(domain, "PER_HOST", 1)
    page = await desk.open()
    more = await desk.page("two")
    over = await more.kind("over")
    assert "most for one host" in over["detail"]
    for each in (page, more):
        await each.close()


async def test_a_hidden_page_does_not_stop_the_work(desk):
    page = await desk.open()
    await page.say(pause=True)
    await page.say(hidden=True)
    await page.type("head -c 1500000 /dev/zero | tr '\\0' x; touch /tmp/do''ne-$$; echo al''l\n")
    async with asyncio.timeout(20):
        while desk.terminal().scrollback.end < 1_500_000:
            await asyncio.sleep(0.1)
    await page.say(hidden=False)
    await page.say(pause=False)
    await page.until("all\r\n", timeout=20)
    assert sum(frame.get("skipped", 0) for frame in page.frames) > 1_000_000
    await page.close()


async def test_opening_and_end_are_audited_but_not_the_content(desk):
    page = await desk.open()
    await page.type("echo sec''ret; exit 0\n")
    await page.kind("over")
    await page.close()
    async with asyncio.timeout(5):
        while await AuditEntry.objects.filter(action="terminal.closed").acount() == 0:
            await asyncio.sleep(0.05)
    opened, closed = [
        entry async for entry in AuditEntry.objects.filter(action__startswith="terminal").order_by("id")
    ]
    assert (opened.action, opened.actor, opened.target) == ("terminal.opened", "ada", f"{desk.host.name} root")
    assert closed.detail["reason"] == "exited"
    assert "secret" not in str([opened.detail, closed.detail])


async def test_typing_counts_as_activity(desk):
    await desk.session.aset(sessions.SEEN, time.time() - 600)
    await desk.session.asave()
    page = await desk.open()
    await page.type("\n")
    async with asyncio.timeout(5):
        while time.time() - await type(desk.session)(desk.session.session_key).aget(sessions.SEEN) > 60:
            await asyncio.sleep(0.05)
    await page.close()
