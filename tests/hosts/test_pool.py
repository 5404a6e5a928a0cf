"""The pool: one live transport a host, whatever happens to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import (
    ConnectionRefused,
    ConnectionTimedOut,
    Disconnected,
    HostKeyChanged,
    KeyRejected,
    NotFound,
)
from hosts.transport.base import Target
from hosts.transport.pool import Link, Pace, Pool, opener
from tests.fakes.transport import FakeNetwork
from tests.lab.hosts import LabHost

WEB = Target(id=7, name="web", address="web.example")
QUICK = Pace(probe_every=0.03, probe_deadline=0.03, first=0.03, longest=0.2, refused=30, steady=0.2)


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


@pytest.fixture
async def pool(network: FakeNetwork) -> AsyncIterator[Pool]:
    pool = Pool(network.open, QUICK)
    yield pool
    await pool.close()
    assert all(way.closed for way in network.ways)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Waits for it, and gives the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def test_connects_and_lends_one_transport(pool: Pool, network: FakeNetwork) -> None:
    network.gate.clear()
    pool.add(WEB)
    assert pool.state(7).state == "connecting"
    with pytest.raises(ConnectionTimedOut):
        pool.get(7)
    network.gate.set()
    transport = await pool.transport(7)
    assert pool.get(7) is transport
    assert pool.state(7).state == "online"
    pool.add(WEB)
    await asyncio.sleep(0.1)
    assert network.attempts == 1


async def test_unknown_host(pool: Pool) -> None:
    for ask in (pool.state, pool.get, pool.retry_now):
        with pytest.raises(NotFound):
            ask(8)


async def test_unreachable_says_why_and_tries_again(pool: Pool, network: FakeNetwork) -> None:
    network.error = ConnectionRefused()
    pool.add(WEB)
    await until(lambda: pool.state(7).state == "unreachable")
    first = pool.state(7)
    with pytest.raises(ConnectionRefused):
        pool.get(7)
    with pytest.raises(ConnectionRefused):
        await pool.transport(7, timeout=0.05)
    await until(lambda: network.attempts >= 4)
    assert pool.state(7).since == first.since
    network.error = None
    await pool.transport(7)
    assert pool.state(7).error is None


async def test_attempts_get_rarer(network: FakeNetwork) -> None:
    pace = Pace()
    rests = [[pace.rest(attempt, refused=False) for _ in range(50)] for attempt in range(1, 30)]
    assert all(0.6 <= seconds <= 1 for seconds in rests[0])
    assert all(36 <= seconds <= 60 for seconds in rests[-1])
    assert len(set(rests[-1])) > 40
    assert all(36 <= pace.rest(1, refused=True) <= 60 for _ in range(50))


async def test_refused_waits_for_a_repair(pool: Pool, network: FakeNetwork) -> None:
    network.error = KeyRejected()
    pool.add(WEB)
    await until(lambda: pool.state(7).state == "refused")
    await asyncio.sleep(0.2)
    assert network.attempts == 1
    assert pool.state(7).retry_at - time.time() > 10
    network.error = None
    pool.retry_now(7)
    await pool.transport(7)


async def test_a_fault_of_ours_does_not_end_the_keeping(
    pool: Pool, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    network.error = ValueError("unexpected")
    pool.add(WEB)
    await until(lambda: network.attempts >= 2)
    assert pool.state(7).state == "unreachable"
    assert "unexpected" in caplog.text
    network.error = None
    await pool.transport(7)


async def test_silent_host_is_stale_and_heals(pool: Pool, network: FakeNetwork) -> None:
    pool.add(WEB)
    transport = await pool.transport(7)
    network.ways[0].answers.clear()
    await until(lambda: pool.state(7).state == "stale")
    with pytest.raises(ConnectionTimedOut):
        pool.get(7)
    network.ways[0].answers.set()
    await until(lambda: pool.state(7).state == "online")
    assert pool.get(7) is transport


async def test_lost_connection_is_made_again(pool: Pool, network: FakeNetwork) -> None:
    pool.add(WEB)
    await pool.transport(7)
    network.error = ConnectionRefused()
    network.ways[0].lost.set()
    await until(lambda: pool.state(7).state == "unreachable")
    assert isinstance(pool.state(7).error, Disconnected | ConnectionRefused)
    network.error = None
    assert await pool.transport(7) is network.ways[1]
    assert network.ways[0].closed


async def test_lost_while_stale(pool: Pool, network: FakeNetwork) -> None:
    pool.add(WEB)
    await pool.transport(7)
    network.ways[0].answers.clear()
    await until(lambda: pool.state(7).state == "stale")
    network.ways[0].lost.set()
    await until(lambda: len(network.ways) == 2)
    await pool.transport(7)


async def test_changes_are_told_and_a_bad_listener_hurts_nobody(
    pool: Pool, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[int, str]] = []

    def bad(id_: int, link: Link) -> None:
        raise RuntimeError("bad listener")

    pool.on_change(bad)
    stop = pool.on_change(lambda id_, link: seen.append((id_, link.state)))
    pool.add(WEB)
    await pool.transport(7)
    network.ways[0].answers.clear()
    await until(lambda: pool.state(7).state == "stale")
    assert seen == [(7, "online"), (7, "stale")]
    stop()
    network.ways[0].answers.set()
    await until(lambda: pool.state(7).state == "online")
    assert len(seen) == 2
    assert "bad listener" in caplog.text


async def test_changed_target_connects_anew(pool: Pool, network: FakeNetwork) -> None:
    pool.add(WEB)
    await pool.transport(7)
    pool.add(replace(WEB, port=2222))
    assert (await pool.transport(7)).target.port == 2222
    await until(lambda: network.ways[0].closed)


async def test_connects_are_staggered(network: FakeNetwork) -> None:
    pool = Pool(network.open, QUICK)
    network.gate.clear()
    for number in range(30):
        pool.add(replace(WEB, id=number))
    await asyncio.sleep(0.05)
    assert network.most == 8
    network.gate.set()
    await asyncio.gather(*(pool.transport(number) for number in range(30)))
    await pool.close()


# --- against a real host -----------------------------------------------------------------------------------------


@pytest.mark.lab
async def test_real_host_freezes_loses_sshd_and_heals(own_host: LabHost) -> None:
    pool = Pool(opener(Path(own_host.key_path)))
    pool.add(own_host.target(id=1))
    try:
        transport = await pool.transport(1)
        await asyncio.to_thread(own_host.freeze)
        print(f"stale after {await until(lambda: pool.state(1).state == 'stale'):.1f} s")
        await asyncio.to_thread(own_host.thaw)
        await until(lambda: pool.state(1).state == "online")
        assert pool.get(1) is transport

        await asyncio.to_thread(own_host.stop_sshd)
        await until(lambda: isinstance(pool.state(1).error, ConnectionRefused))
        await asyncio.to_thread(own_host.start_sshd)
        again = await pool.transport(1, timeout=30)
        assert (await again.run(["true"])).code == 0

        own_host.shell(
            "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/new && mv /etc/ssh/new /etc/ssh/ssh_host_ed25519_key"
        )
        await asyncio.to_thread(own_host.restart_sshd)
        await until(lambda: pool.state(1).state == "refused")
        error = pool.state(1).error
        assert isinstance(error, HostKeyChanged)
        assert error.facts["old_fingerprint"] != error.facts["new_fingerprint"]
    finally:
        await pool.close()
