"""The Podman client against a peer that is old, broken, slow or gone; real Podman is in test_engine_lab.py."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import (
    AnswerTimedOut,
    Conflict,
    ConnectionTimedOut,
    Disconnected,
    Failed,
    InvalidInput,
    NoEngine,
    NotAuthorised,
    NotFound,
    Unsupported,
)
from containers.engine import podman as podman_module
from containers.engine.base import Container, EngineGone, Port
from containers.engine.podman import Podman
from tests.fakes.podman import FakePodman, dead_end, dropped, frame, silence


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakePodman]:
    async with FakePodman(tmp_path / "podman.sock").serving() as fake:
        yield fake


@pytest.fixture
async def podman(fake: FakePodman) -> AsyncIterator[Podman]:
    podman = await Podman.connect(str(fake.path))
    yield podman
    await podman.close()
    gc.collect()  # an unclosed session or connection warns, and warnings are errors


# --- connecting ------------------------------------------------------------------------------------------------


async def test_a_missing_socket_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(NoEngine):
        await Podman.connect(str(tmp_path / "absent.sock"))


async def test_a_forwarded_socket_without_far_end_is_no_engine(tmp_path: Path) -> None:
    async with dead_end(tmp_path / "dead.sock"):
        with pytest.raises(NoEngine):
            await Podman.connect(str(tmp_path / "dead.sock"))


async def test_a_silent_socket_times_out(fake: FakePodman) -> None:
    fake.routes["GET", "/_ping"] = silence
    with pytest.raises(ConnectionTimedOut):
        await Podman.connect(str(fake.path), timeout=0.05)


async def test_a_change_asked_of_a_silent_engine_certainly_did_not_happen(
    fake: FakePodman, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podman_module, "PRESENCE", 0.05)
    fake.routes["GET", "/_ping"] = silence
    with pytest.raises(ConnectionTimedOut) as caught:
        await podman.start("web")
    assert caught.value.outcome_known
    assert fake.asked == []


async def test_another_engine_is_not_podman(fake: FakePodman) -> None:
    fake.answer("GET", "/_ping", "OK")
    with pytest.raises(NoEngine, match="not Podman"):
        await Podman.connect(str(fake.path))


async def test_podman_3_is_too_old(fake: FakePodman) -> None:
    fake.api = "3.4.4"
    with pytest.raises(Unsupported, match="too old"):
        await Podman.connect(str(fake.path))


@pytest.mark.parametrize(("api", "spoken"), [("4.9.3", "v4"), ("5.4.2", "v5"), ("6.0.0", "v5")])
async def test_the_version_that_both_speak_is_used(fake: FakePodman, api: str, spoken: str) -> None:
    fake.api = api
    podman = await Podman.connect(str(fake.path))
    assert podman.calls.start("web").path == f"/{spoken}.0.0/libpod/containers/web/start"
    await podman.close()


# --- reading ---------------------------------------------------------------------------------------------------


async def test_the_least_that_a_list_can_say(fake: FakePodman, podman: Podman) -> None:
    row = {
        "Id": "a" * 64,
        "Names": None,
        "Labels": None,
        "Ports": None,
        "State": "configured",
        "StartedAt": -62135596800,
    }
    fake.answer("GET", "/containers/json", json.dumps([row]))
    assert await podman.list() == (
        Container(id="a" * 64, name="a" * 12, image="", image_id="", state="created"),
    )


async def test_an_empty_list_may_be_null(fake: FakePodman, podman: Podman) -> None:
    fake.answer("GET", "/containers/json", "null")
    assert await podman.list() == ()


async def test_podman_4_inspects_with_other_types(fake: FakePodman, podman: Podman) -> None:
    config = {"Entrypoint": "/bin/run --fast", "StopSignal": 15, "Env": ["DB_PASSWORD=hunter22", "A=b"]}
    ports = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "443/tcp": None}
    answer = {"Id": "a" * 64, "Name": "web", "Path": "run", "Args": ["--db", "x:hunter22@db"], "Config": config}
    fake.answer("GET", "/containers/web/json", json.dumps({**answer, "NetworkSettings": {"Ports": ports}}))
    web = await podman.inspect("web")
    assert (web.entrypoint, web.stop_signal) == (("/bin/run", "--fast"), "15")
    assert web.ports == (Port("", 8080, 80, "tcp"),)
    assert "hunter22" not in repr(web)
    assert web.health is None


@pytest.mark.parametrize("body", [b"", b"{", b"[{}]", b"\xff\xfe", b'{"Id": 3}', b'[{"Id": "\xff"}]'])
async def test_an_answer_that_cannot_be_read_has_failed(fake: FakePodman, podman: Podman, body: bytes) -> None:
    fake.answer("GET", "/containers/json", body)
    with pytest.raises(Failed, match="cannot be read"):
        await podman.list()


async def test_an_endless_answer_is_cut_off(
    fake: FakePodman, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containers.engine.http.LARGEST_ANSWER", 1_000_000)
    fake.stream("/containers/json", b"x" * 65536, endless=True)
    with pytest.raises(Failed, match="larger than"):
        await podman.list()


async def test_a_lost_read_has_changed_nothing(fake: FakePodman, podman: Podman) -> None:
    fake.routes["GET", "/containers/json"] = dropped
    with pytest.raises(EngineGone) as caught:
        await podman.list()
    assert caught.value.outcome_known


# --- changing --------------------------------------------------------------------------------------------------


async def test_what_is_recorded_is_what_is_asked(fake: FakePodman, podman: Podman) -> None:
    calls = [
        podman.calls.start("web"),
        podman.calls.stop("web", timeout=10),
        podman.calls.restart("web", timeout=0),
        podman.calls.pause("web"),
        podman.calls.unpause("web"),
        podman.calls.kill("web", signal="SIGHUP"),
        podman.calls.kill("web", signal="RTMIN+3"),
        podman.calls.remove("web"),
        podman.calls.remove("web", force=True, volumes=True),
    ]
    for verb in ("start", "stop", "restart", "pause", "unpause", "kill"):
        fake.answer("POST", f"/containers/web/{verb}", status=204)
    fake.answer("DELETE", "/containers/web", '[{"Id": "a"}]')
    for call in calls:
        await podman.perform(call)
    assert fake.asked == [call.rest for call in calls]
    assert [call.shell for call in calls] == [
        "podman start -- web",
        "podman stop --time 10 -- web",
        "podman restart --time 0 -- web",
        "podman pause -- web",
        "podman unpause -- web",
        "podman kill --signal HUP -- web",
        "podman kill --signal RTMIN+3 -- web",
        "podman rm -- web",
        "podman rm --force --volumes -- web",
    ]
    assert fake.asked[1] == "POST /v5.0.0/libpod/containers/web/stop?timeout=10"


async def test_the_deadline_includes_the_time_the_container_is_given(podman: Podman) -> None:
    assert podman.calls.stop("web", timeout=90).deadline > 90


async def test_already_so_is_fine(fake: FakePodman, podman: Podman) -> None:
    fake.answer("POST", "/containers/web/start", status=304)
    await podman.start("web")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '{"message": "bad", "cause": "bad", "response": 400}', InvalidInput),
        (403, "{}", NotAuthorised),
        (404, '{"message": "no container", "cause": "no such container", "response": 404}', NotFound),
        (409, '{"message": "in use", "cause": "x", "response": 409}', Conflict),
        (500, '{"message": "is paused", "cause": "container state improper", "response": 500}', Conflict),
        (500, '{"message": "runc: exit 1", "cause": "x", "response": 500}', Failed),
        (502, "<html>\x00\x1b[31m", Failed),
        (501, "", Unsupported),
    ],
)
async def test_refusals(
    fake: FakePodman, podman: Podman, status: int, body: str, error: type[Exception]
) -> None:
    fake.answer("POST", "/containers/web/stop", body, status)
    with pytest.raises(error) as caught:
        await podman.stop("web")
    assert type(caught.value) is error
    assert str(caught.value).isprintable()
    assert caught.value.outcome_known


async def test_podmans_words_are_kept(fake: FakePodman, podman: Podman) -> None:
    fake.answer("POST", "/containers/web/start", '{"message": "port 80 is in use", "cause": "x"}', 500)
    with pytest.raises(Failed, match="port 80 is in use"):
        await podman.start("web")


async def test_a_lost_change_is_unknown(fake: FakePodman, podman: Podman) -> None:
    fake.routes["POST", "/containers/web/stop"] = dropped
    with pytest.raises(Disconnected) as caught:
        await podman.stop("web")
    assert not caught.value.outcome_known
    assert len(fake.asked) == 1  # never asked twice


async def test_an_unanswered_change_is_unknown(
    fake: FakePodman, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podman_module, "ANSWER", 0.05)
    fake.routes["POST", "/containers/web/start"] = silence
    with pytest.raises(AnswerTimedOut) as caught:
        await podman.start("web")
    assert not caught.value.outcome_known


async def test_without_an_engine_a_change_certainly_did_not_happen(tmp_path: Path) -> None:
    async with FakePodman(tmp_path / "podman.sock").serving() as fake:
        podman = await Podman.connect(str(fake.path))
    async with dead_end(fake.path):
        with pytest.raises(NoEngine) as caught:
            await podman.stop("web")
    assert caught.value.outcome_known
    await podman.close()


async def test_removal_that_failed_inside_a_200(fake: FakePodman, podman: Podman) -> None:
    fake.answer("DELETE", "/containers/web", '[{"Id": "a", "Err": "device busy"}]')
    with pytest.raises(Failed, match="device busy"):
        await podman.remove("web")


@pytest.mark.parametrize(
    "name", ["", "-x", "../x", "a/b", "a?b", "a\nb", "a b", "a%2fb", "x" * 300, "\x00", "é"]
)
async def test_bad_names_never_leave(fake: FakePodman, podman: Podman, name: str) -> None:
    for verb in (podman.start, podman.stop, podman.remove, podman.kill, podman.inspect, podman.top):
        with pytest.raises(InvalidInput):
            await verb(name)
    with pytest.raises(InvalidInput):
        async with podman.logs(name):
            pass
    assert fake.asked == []


# --- streams ---------------------------------------------------------------------------------------------------

DIED = b'{"Type":"container","Action":"died","Actor":{"ID":"a1","Attributes":{"name":"web"}},"timeNano":1500000000}\n'


async def test_events_may_come_in_any_pieces_and_end_with_gone(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/events", DIED[:20], DIED[20:] + DIED + b"\n" + DIED[:50], DIED[50:])
    seen = []
    with pytest.raises(EngineGone):
        async with podman.events() as events:
            async for event in events:
                seen.append((event.kind, event.action, event.id, event.name, event.time))
    assert seen == [("container", "died", "a1", "web", 1.5)] * 3


async def test_a_broken_event_stream_is_gone(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/events", DIED, broken=True)
    with pytest.raises(EngineGone):
        async with podman.events() as events:
            async for event in events:
                assert event.name == "web"


async def test_an_event_without_end_is_refused(
    fake: FakePodman, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containers.engine.http.LARGEST_LINE", 500_000)
    fake.stream("/events", b"x" * 65536, endless=True)
    with pytest.raises(Failed, match="more than"):
        async with podman.events() as events:
            await anext(events)


async def test_closing_the_engine_ends_its_streams(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/events", DIED, endless=True)
    with pytest.raises(EngineGone):
        async with podman.events() as events:
            async for _ in events:
                await podman.close()
    with pytest.raises(EngineGone):
        await podman.list()


async def test_closing_the_engine_wakes_a_waiting_reader(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/events", DIED, silent=True)

    async def follow() -> None:
        async with podman.events() as events:
            async for _ in events:
                seen.set()

    seen = asyncio.Event()
    following = asyncio.create_task(follow())
    async with asyncio.timeout(5):
        await seen.wait()
        await asyncio.sleep(0.05)
        await podman.close()
        with pytest.raises(EngineGone):
            await following


async def test_closing_the_engine_ends_what_waits_for_an_answer(fake: FakePodman, podman: Podman) -> None:
    fake.routes["GET", "/containers/json"] = silence
    fake.routes["POST", "/containers/web/start"] = silence
    waiting = [asyncio.create_task(podman.list()), asyncio.create_task(podman.start("web"))]
    async with asyncio.timeout(5):
        await asyncio.sleep(0.1)
        await podman.close()
        read, change = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(read, EngineGone)
    assert isinstance(change, Disconnected)


async def test_the_readers_own_errors_stay_its_own(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/events", DIED, endless=True)
    for error in (TimeoutError, ConnectionResetError, RuntimeError):
        with pytest.raises(error):
            async with podman.events() as events:
                await anext(events)
                raise error


async def test_a_stream_can_be_left_or_cancelled_at_any_time(fake: FakePodman, podman: Podman) -> None:
    fake.routes["GET", "/events"] = silence
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), podman.events() as events:
                await anext(events)
        fake.stream("/events", DIED, endless=True)
        async with podman.events() as events:
            await anext(events)


def report(cpu: float, *names: str) -> bytes:
    rows = [
        {"ContainerID": name, "Name": name, "CPU": cpu, "NetInput": 5, "NetOutput": 7, "MemUsage": 9}
        for name in names
    ]
    return json.dumps({"Error": None, "Stats": rows}).encode() + b"\n"


async def test_the_first_cpu_figure_is_no_present_one(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/containers/stats", report(50.0, "a"), report(2.0, "a", "b"), report(3.0, "a", "b"))
    seen = []
    with pytest.raises(EngineGone):
        async with podman.stats() as samples:
            async for sample in samples:
                seen.append({one.name: one.cpu_percent for one in sample})
                assert {(one.net_in, one.net_out, one.memory) for one in sample} == {(5, 7, 9)}
    assert seen == [{"a": None}, {"a": 2.0, "b": None}, {"a": 3.0, "b": 3.0}]


async def test_statistics_that_report_an_error_failed(fake: FakePodman, podman: Podman) -> None:
    fake.stream("/containers/stats", b'{"Error": {"what": "cgroup gone"}, "Stats": null}\n')
    with pytest.raises(Failed, match="cgroup gone"):
        async with podman.stats() as samples:
            await anext(samples)


async def test_logs_of_nothing_are_not_found(podman: Podman) -> None:
    with pytest.raises(NotFound):
        async with podman.logs("nope"):
            pass


async def test_logs_end_with_the_container(fake: FakePodman, podman: Podman) -> None:
    fake.answer("GET", "/containers/web/exists", status=204)
    fake.stream(
        "/containers/web/logs", frame(1, b"2026-11-25T03:13:47Z out\n"), frame(2, b"2026-11-25T03:13:48Z err")
    )
    async with podman.logs("web", tail=None, since=12.7) as lines:
        seen = [(line.stream, line.time, line.text) async for line in lines]
    assert seen == [("stdout", 1795576427.0, b"out"), ("stderr", 1795576428.0, b"err")]
    assert fake.asked[-1].endswith("logs?stdout=true&stderr=true&timestamps=true&follow=true&since=12")


async def test_broken_logs_are_gone(fake: FakePodman, podman: Podman) -> None:
    fake.answer("GET", "/containers/web/exists", status=204)
    fake.stream("/containers/web/logs", frame(1, b"2026-11-25T03:13:47Z out\n"), broken=True)
    with pytest.raises(EngineGone):
        async with podman.logs("web") as lines:
            async for line in lines:
                assert line.text == b"out"
