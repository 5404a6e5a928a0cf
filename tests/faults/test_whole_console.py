"""`manage.py up` as a whole: killed in the middle of changes, closed pages, removed hosts, ended while pages are open."""

import asyncio
import signal
import sqlite3
from contextlib import AsyncExitStack, closing

import aiohttp
import psutil
import pytest

from tests.browser.fleet import row
from tests.faults.hosts import eventually, slow_unit, starts, stops
from tests.faults.served import serving
from tests.faults.visitor import Visitor

pytestmark = [pytest.mark.lab, pytest.mark.served]
PAGES = (
    "/",
    "/host/web1/",
    "/host/web1/units/",
    "/host/web1/units/dbus.service/",
    "/host/web1/journal/",
    "/host/web1/containers/",
    "/host/web1/user/alice/units/",
)


def rows(up, query, *values):
    with closing(sqlite3.connect(up.data / "vigie.sqlite3", timeout=20)) as connection:
        return connection.execute(query, values).fetchall()


def known(visitor, host="web1"):
    eventually(lambda: "dbus.service" in visitor.get(f"/host/{host}/units/").text, 30)


def of_vigie(host):
    """What runs on the host because somebody signed in over SSH, by name."""
    listed = host.shell(
        "for pid in $(pgrep -x sshd-session); do pgrep -a -P $pid; done; pgrep -ax journalctl", check=False
    )
    named = (line.partition(" ")[2] for line in listed.splitlines())
    return sorted(name for name in named if "sshd-session" not in name and "defunct" not in name)


def samplers(host):
    return sum(name.startswith("sh -c LC_ALL=C") for name in of_vigie(host))


def test_killed_in_the_middle_of_changes(tmp_path, web1):
    """Their rows say unknown after the next start, then what became of them. Nothing is done again."""
    with (
        slow_unit(web1, "stopping.service") as stopping,
        slow_unit(web1, "restarting.service") as restarting,
        serving(tmp_path, web1.key_path, [row(web1, "web1")]) as up,
    ):
        visitor = Visitor(up)
        known(visitor)
        for name, verb in ((stopping, "stop"), (restarting, "restart")):
            answer = visitor.post(f"/host/web1/units/{name}/{verb}/")
            assert answer.status == 200, answer.text
        up.kill()
        assert [state for (state,) in rows(up, "SELECT state FROM console_operation")] == ["running"] * 2
        eventually(lambda: not of_vigie(web1), 30)
        up.start()

        def state(name):
            return rows(up, "SELECT state, result FROM console_operation WHERE target = ?", name)[0]

        wanted = ("succeeded", f"Observed afterwards: {stopping} is inactive.")
        eventually(lambda: state(stopping) == wanted, 30)
        assert state(restarting)[0] == "unknown"  # one restart looks like none
        assert "never repeated by itself" in visitor.get("/operations/2/").text
        told = [action for (action,) in rows(up, "SELECT action FROM console_auditentry ORDER BY id")]
        assert told.count("operation.asked") == 2
        assert told.count("operation.unknown") == 2
        assert told.index("operation.unknown") < told.index("operation.succeeded")
        assert (stops(web1, stopping), starts(web1, stopping)) == (1, 1)
        eventually(lambda: (stops(web1, restarting), starts(web1, restarting)) == (1, 2), 30)
        assert visitor.post(f"/host/web1/units/{stopping}/start/").status == 200, "it can be changed again"
        assert up.end(signal.SIGINT) == 0
        assert "Traceback" not in up.errors(), up.errors()


async def test_closed_pages_and_removed_hosts_leave_nothing(tmp_path, web1):
    with serving(tmp_path, web1.key_path, [row(web1, "web1"), row(web1, "twin")]) as up:
        visitor = Visitor(up)
        for host in ("web1", "twin"):
            await asyncio.to_thread(known, visitor, host)
        await read_all(up)
        process = psutil.Process(up.process.pid)
        before, on_host = await settled(process, web1)
        for _ in range(3):
            await read_all(up)
        await asyncio.to_thread(eventually, lambda: "journalctl" not in str(of_vigie(web1)), 10)
        after, on_host_after = await settled(process, web1)
        assert after["descriptors"] <= before["descriptors"] + 2, (before, after)
        assert after["threads"] <= before["threads"] + 4
        assert after["children"] == before["children"]
        assert on_host_after == on_host
        assert samplers(web1) == 2
        removed = await asyncio.to_thread(visitor.post, "/host/twin/remove/", htmx=False)
        assert (removed.status, removed.headers.get("Location")) == (302, "/"), removed
        await asyncio.to_thread(eventually, lambda: samplers(web1) == 1, 10)
        await asyncio.to_thread(eventually, lambda: process.num_fds() < before["descriptors"], 10)
        about = (await asyncio.to_thread(visitor.get, "/about/")).text
        assert f"host {rows(up, 'SELECT id FROM hosts_host WHERE name = ?', 'web1')[0][0]}: units" in about
        async with open_pages(up):
            assert await asyncio.to_thread(up.end, signal.SIGINT) == 0
        assert up.output.endswith("Ended.\n")
        assert "Traceback" not in up.errors(), up.errors()
        await asyncio.to_thread(eventually, lambda: not of_vigie(web1), 10)


def open_pages(up):
    """A context: all pages, each with its stream."""
    return _Pages(up)


class _Pages(AsyncExitStack):
    def __init__(self, up):
        super().__init__()
        self._up = up

    async def __aenter__(self):
        await super().__aenter__()
        headers = {"Cookie": f"vigie_session={self._up.sessions['admin']}", "Origin": self._up.url}
        session = await self.enter_async_context(aiohttp.ClientSession(headers=headers))
        self.sockets = []
        for page in PAGES:
            async with session.get(self._up.url + page) as answer:
                assert answer.status == 200, page
            socket = await self.enter_async_context(session.ws_connect(f"{self._up.url}/ws{page}"))
            self.sockets.append(socket)
        return self


async def read_all(up):
    """Open all pages, read what each is sent at first, close them."""
    async with open_pages(up) as pages:
        for page, socket in zip(PAGES, pages.sockets, strict=True):
            first = await socket.receive_json(timeout=10)
            assert first["kind"] not in {"denied", "failed"}, (page, first)
        await asyncio.sleep(1)


async def settled(process, host):
    """How many descriptors, threads and children the server has, and what runs on the host, when that is at rest."""
    seen = None
    for _ in range(40):
        now = {
            "descriptors": process.num_fds(),
            "threads": process.num_threads(),
            "children": len(process.children(recursive=True)),
        }
        now = now, await asyncio.to_thread(of_vigie, host)
        if now == seen:
            break
        seen = now
        await asyncio.sleep(0.5)
    return now
