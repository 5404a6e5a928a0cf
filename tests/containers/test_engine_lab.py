"""The Podman client against real Podman on a lab host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.errors import Conflict, ConnectionTimedOut, NoEngine, NotFound
from containers.engine.base import LONGEST_LINE, Container, EngineGone, Port
from containers.engine.podman import Podman
from containers.quadlet import generated
from containers.workloads import Engined, OwningUnit, join
from hosts.transport.ssh import SshTransport
from tests.hosts.transports import way_to
from tests.lab.hosts import LabHost

pytestmark = pytest.mark.lab

SYSTEM_SOCKET = "/run/podman/podman.sock"
ALICES_SOCKET = "/run/user/1000/podman/podman.sock"

TICKING = "/bin/sh -c 'trap \"exit 0\" TERM; while :; do echo out; echo err >&2; sleep 0.2; done'"
QUADLET = """[Unit]
Description=A site <b hx-get=/>
[Container]
Image={image}
Exec=/bin/sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done'
PublishPort=127.0.0.1:18081:80
"""


@pytest.fixture(scope="module")
def image(web1: LabHost) -> str:
    return web1.busybox()


@pytest.fixture(scope="module")
def web(web1: LabHost, image: str) -> Iterator[str]:
    """A container with everything: ports, limits, a secret, a volume, a health check, a hostile label."""
    options = (
        "-p 127.0.0.1:18080:80/tcp -p 19000-19002:9000-9002/udp --restart=on-failure:3 --memory 64m --pids-limit 50 "
        "--health-cmd 'test -e /sick && exit 1 || exit 0' --health-interval 1s --health-retries 1 "
        "-e API_TOKEN=geheim -e COLOR=blue -v engine-data:/data -v /etc/hostname:/h:ro --label 'a=<b hx-get=/>'"
    )
    web1.shell(f"podman run -d --name engine-web {options} {image} {TICKING}")
    yield "engine-web"
    web1.shell("podman rm -f -t 0 -v engine-web; podman volume rm -f engine-data", check=False)


@pytest.fixture
def made(web1: LabHost, image: str) -> Iterator[str]:
    """A stopped container for a test alone."""
    web1.shell(f"podman create --name engine-made {image} {TICKING}")
    yield "engine-made"
    web1.shell("podman rm -f -t 0 -i engine-made")


@pytest.fixture(scope="module")
def site(web1: LabHost, image: str) -> Iterator[str]:
    """A container that a unit owns."""
    web1.shell(
        "mkdir -p /etc/containers/systemd; cat > /etc/containers/systemd/site.container",
        stdin=QUADLET.format(image=image),
    )
    web1.shell("systemctl daemon-reload; systemctl start site.service")
    yield "site.service"
    web1.shell(
        "systemctl stop site.service; rm /etc/containers/systemd/site.container; systemctl daemon-reload"
    )


@asynccontextmanager
async def engine(
    host: LabHost, path: str = SYSTEM_SOCKET, *, user: str = "root", sudo: bool = False, as_user: str = ""
) -> AsyncIterator[Podman]:
    """Podman at the far end of a connection like Vigie's own."""
    transport = await SshTransport.connect(host.target(id=1, user=user, sudo=sudo), Path(host.key_path))
    try:
        podman = await Podman.connect(await transport.socket(path, as_user=as_user))
        try:
            yield podman
        finally:
            await podman.close()
    finally:
        await transport.close()


@pytest.fixture
async def podman(web1: LabHost) -> AsyncIterator[Podman]:
    async with engine(web1) as podman:
        yield podman


async def listed(podman: Podman, name: str) -> Container | None:
    return next((one for one in await podman.list() if one.name == name), None)


async def test_info(podman: Podman) -> None:
    info = await podman.info()
    assert (info.engine, info.rootless, info.storage, info.api) == ("podman", False, "overlay", podman.api)
    assert info.version.startswith("5.")


async def test_list(podman: Podman, web: str) -> None:
    one = await listed(podman, web)
    assert one is not None
    assert (one.state, one.running, one.unit, one.exit_code, one.exited_at) == (
        "running",
        True,
        None,
        None,
        None,
    )
    assert one.ports == (Port("127.0.0.1", 18080, 80, "tcp"), Port("", 19000, 9000, "udp", 3))
    assert one.labels == {"a": "<b hx-get=/>"}
    assert set(one.mounts) == {"/data", "/h"}
    assert one.networks == ("podman",)
    assert one.pid
    assert one.health in {"healthy", "starting"}
    assert one.started_at and abs(one.started_at - time.time()) < 600


async def test_inspect(podman: Podman, web: str) -> None:
    one = await podman.inspect(web)
    env = dict(one.env)
    assert env["COLOR"] == "blue"
    assert "geheim" not in repr(one)
    assert (one.limits.memory, one.limits.pids, one.limits.cpus) == (64 << 20, 50, None)
    assert (one.restart_policy, one.restart_retries) == ("on-failure", 3)
    assert one.networks[0].ipv4
    assert {(mount.kind, mount.destination, mount.writable) for mount in one.mounts} == {
        ("volume", "/data", True),
        ("bind", "/h", False),
    }
    assert one.health and one.health.test[0] == "CMD-SHELL" and one.health.interval == 1.0
    assert one.created_by[:3] == ("podman", "run", "-d")
    assert Port("127.0.0.1", 18080, 80, "tcp") in one.ports


async def test_health_goes_and_comes(podman: Podman, web: str, web1: LabHost) -> None:
    for command, health in (("touch /sick", "unhealthy"), ("rm /sick", "healthy")):
        web1.shell(f"podman exec {web} {command}")
        async with asyncio.timeout(15):
            while (one := await listed(podman, web)) and one.health != health:
                await asyncio.sleep(0.2)


async def test_top(podman: Podman, web: str) -> None:
    table = await podman.top(web)
    assert "PID" in table.titles
    assert table.rows[0][table.titles.index("PID")] == "1"


async def test_the_life_of_a_container(podman: Podman, made: str) -> None:
    async def state() -> str | None:
        one = await listed(podman, made)
        return one and one.state

    assert await state() == "created"
    await podman.start(made)
    await podman.start(made)  # already so
    assert await state() == "running"
    await podman.pause(made)
    assert await state() == "paused"
    await podman.unpause(made)
    await podman.restart(made, timeout=0)
    assert await state() == "running"
    await podman.stop(made, timeout=5)
    await podman.stop(made)
    assert await state() == "exited"
    await podman.start(made)
    await podman.kill(made, signal="KILL")
    async with asyncio.timeout(5):
        while (one := await listed(podman, made)) and one.state != "exited":
            await asyncio.sleep(0.05)
    assert one and one.exit_code == 137
    await podman.remove(made)
    assert await state() is None


async def test_podmans_refusals(podman: Podman, made: str, web: str) -> None:
    for call in (
        podman.calls.pause(made),
        podman.calls.kill(made),
        podman.calls.unpause(made),
        podman.calls.remove(web),
    ):
        with pytest.raises(Conflict):
            await podman.perform(call)
    with pytest.raises(Conflict):
        await podman.top(made)
    for call in (podman.calls.start("engine-nope"), podman.calls.remove("engine-nope")):
        with pytest.raises(NotFound, match="engine-nope"):
            await podman.perform(call)
    with pytest.raises(NotFound):
        await podman.inspect("engine-nope")
    with pytest.raises(NotFound):
        async with podman.logs("engine-nope"):
            pass


async def test_the_shell_equivalents_are_what_podman_accepts(podman: Podman, made: str, web1: LabHost) -> None:
    calls = podman.calls
    for call in (
        calls.start(made),
        calls.restart(made, timeout=0),
        calls.pause(made),
        calls.unpause(made),
        calls.kill(made, signal="TERM"),
        calls.stop(made, timeout=1),
        calls.remove(made, force=True, volumes=True),
    ):
        web1.shell(call.shell)
    assert await listed(podman, made) is None


async def test_a_change_made_elsewhere_is_an_event_within_a_second(
    podman: Podman, made: str, web1: LabHost
) -> None:
    async with asyncio.timeout(10), podman.events() as events:
        await asyncio.to_thread(web1.shell, f"podman start {made}")
        began = time.monotonic()
        async for event in events:
            if (event.name, event.action) == (made, "start"):
                break
        print(f"the event came after {time.monotonic() - began:.2f} s")
        assert event.time and abs(event.time - time.time()) < 60


async def test_statistics_see_a_container_that_starts_meanwhile(podman: Podman, web: str, made: str) -> None:
    async with asyncio.timeout(20), podman.stats(interval=1) as samples:
        first = {one.name: one for one in await anext(samples)}
        assert first[web].cpu_percent is None
        assert first[web].memory_limit == 64 << 20
        assert made not in first
        await podman.start(made)
        async for sample in samples:
            names = {one.name: one for one in sample}
            if made in names and names[made].cpu_percent is not None:
                break
    assert names[web].memory > 0
    assert names[web].pids >= 1


async def test_logs_follow(podman: Podman, web: str) -> None:
    began = time.time()
    seen = []
    async with asyncio.timeout(10), podman.logs(web, tail=2) as lines:
        async for line in lines:
            seen.append(line)
            if line.time and line.time > began and len(seen) > 6:
                break
    assert {(line.stream, line.text) for line in seen} == {("stdout", b"out"), ("stderr", b"err")}


@pytest.mark.parametrize("driver", ["journald", "k8s-file"])
async def test_hostile_logs(podman: Podman, web1: LabHost, image: str, driver: str) -> None:
    script = (
        "head -c 10485760 /dev/zero | tr '\\000' x; echo; printf '\\377\\376 bad \\000 nul\\n'; "
        "printf '\\033[31m<b hx-get=/>\\n'; printf last"
    )
    web1.shell(f'podman run -d --name engine-big --log-driver {driver} {image} /bin/sh -c "{script}"')
    web1.shell(
        "podman wait engine-big"
    )  # Podman itself cuts a k8s-file log short that is followed over the end
    try:
        async with asyncio.timeout(30), podman.logs("engine-big", tail=None, follow=False) as lines:
            texts = [(line.text, line.cut) async for line in lines]
    finally:
        web1.shell("podman rm -f -t 0 engine-big")
    cut = 10 * 1024 * 1024 - LONGEST_LINE
    assert texts[0] == (b"x" * LONGEST_LINE + b" [%d bytes cut]" % cut, cut)
    assert [text for text, _ in texts[1:]] == [b"\xff\xfe bad \x00 nul", b"\x1b[31m<b hx-get=/>", b"last"]


async def test_a_quadlet_is_one_workload_running_or_stopped(podman: Podman, site: str, web1: LabHost) -> None:
    path = f"/run/systemd/generator/{site}"
    quadlet = generated(path, web1.shell(f"cat {path}"))
    assert quadlet is not None
    assert (quadlet.kind, quadlet.container, quadlet.source) == (
        "container",
        "systemd-site",
        "/etc/containers/systemd/site.container",
    )
    keys = set()
    for verb, state in (("start", "running"), ("stop", "stopped"), ("start", "running")):
        web1.shell(f"systemctl {verb} {site}")
        active = web1.shell(f"systemctl is-active {site}", check=False).strip()
        unit = OwningUnit(
            site, quadlet.kind, active, runs=quadlet.container, image=quadlet.image, ports=quadlet.ports
        )
        rows = [row for row in join(1, [Engined("podman", await podman.list())], [unit]) if row.unit == site]
        assert [(row.name, row.state, row.ports) for row in rows] == [
            ("systemd-site", state, (Port("127.0.0.1", 18081, 80, "tcp"),))
        ]
        keys |= {row.key for row in rows}
    assert len(keys) == 1


async def test_a_pod_is_one_workload(podman: Podman, web1: LabHost, image: str) -> None:
    web1.shell(
        f"podman pod create --name engine-pod -p 127.0.0.1:18082:80 --infra-image {image} "
        f"--infra-command '/bin/sleep 100000' && podman run -d --pod engine-pod --name engine-inpod {image} {TICKING}"
    )
    try:
        rows = {row.name: row for row in join(1, [Engined("podman", await podman.list())])}
        details = await podman.inspect("engine-inpod")
    finally:
        web1.shell("podman pod rm -f -t 0 engine-pod")
    pod, inside = rows["engine-pod"], rows["engine-inpod"]
    assert (pod.kind, pod.state, pod.ports) == ("pod", "running", (Port("127.0.0.1", 18082, 80, "tcp"),))
    assert (inside.kind, inside.pod, inside.ports) == ("container", "engine-pod", ())
    assert details.pod


@pytest.mark.parametrize(("user", "sudo"), [("alice", False), ("root", False), ("operator", True)])
async def test_a_users_own_podman(web1: LabHost, user: str, sudo: bool) -> None:
    image = web1.busybox(user="alice")
    web1.shell(f"cd /; runuser -u alice -- podman create --name engine-alice --network=none {image} {TICKING}")
    try:
        async with engine(web1, ALICES_SOCKET, user=user, sudo=sudo, as_user="alice") as podman:
            assert (await podman.info()).rootless
            await podman.start("engine-alice")
            one = await listed(podman, "engine-alice")
            assert one and one.state == "running"
            async with asyncio.timeout(10), podman.logs("engine-alice") as lines:
                assert (await anext(lines)).text in {b"out", b"err"}
            await podman.stop("engine-alice", timeout=2)
            await podman.remove("engine-alice", force=True)
            assert await listed(podman, "engine-alice") is None
    finally:
        web1.shell("cd /; runuser -u alice -- podman rm -f -t 0 -i engine-alice")


async def test_the_systems_podman_through_sudo(web1: LabHost, web: str) -> None:
    async with engine(web1, user="operator", sudo=True) as podman:
        assert not (await podman.info()).rootless
        async with asyncio.timeout(10), podman.events() as events, podman.logs(web) as lines:
            await podman.restart(web, timeout=0)
            assert (await anext(lines)).text in {b"out", b"err"}
            async for event in events:
                if (event.name, event.action) == (web, "start"):
                    break


@pytest.mark.parametrize("way", ["ssh", "sudo"])
async def test_streams_that_are_left_leave_nothing(web1: LabHost, web: str, way: str) -> None:
    async with way_to(way, web1) as transport, asyncio.timeout(20):
        podman = await Podman.connect(await transport.socket(SYSTEM_SOCKET))
        async with podman.events(), podman.stats() as samples, podman.logs(web) as lines:
            await anext(samples)
            await anext(lines)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), podman.stats(interval=5) as samples:
                async for _ in samples:
                    pass
        following = asyncio.create_task(follow_events(podman))
        await asyncio.sleep(0.2)
        await podman.close()
        with pytest.raises(EngineGone):
            await following


async def follow_events(podman: Podman) -> None:
    async with podman.events() as events:
        async for event in events:
            assert event.kind


async def test_a_login_without_rights_has_no_engine(web1: LabHost) -> None:
    with pytest.raises(NoEngine):
        async with engine(web1, user="limited"):
            pass


async def test_a_stopped_service_ends_the_streams_and_heals(own_host: LabHost) -> None:
    async with engine(own_host) as podman:
        with pytest.raises(EngineGone):
            async with asyncio.timeout(10), podman.events() as events:
                await asyncio.to_thread(own_host.shell, "systemctl stop podman.socket podman.service")
                await anext(events)
        with pytest.raises(NoEngine) as caught:
            await podman.start("web")
        assert caught.value.outcome_known
        own_host.shell("systemctl start podman.socket")
        assert await podman.list() == ()


async def test_a_lost_connection_ends_the_streams(own_host: LabHost) -> None:
    async with engine(own_host) as podman:
        with pytest.raises(EngineGone):
            async with asyncio.timeout(10), podman.events() as events:
                await asyncio.to_thread(own_host.shell, "pkill -KILL sshd", check=False)
                await anext(events)
        with pytest.raises(NoEngine):
            await podman.list()


async def test_a_frozen_host_is_not_waited_for_without_end(
    own_host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containers.engine.podman.PRESENCE", 0.5)
    async with engine(own_host) as podman:
        own_host.freeze()
        try:
            with pytest.raises(ConnectionTimedOut) as caught:
                await podman.start("web")
            assert caught.value.outcome_known
        finally:
            own_host.thaw()
        with pytest.raises(NotFound):
            await podman.start("web")
