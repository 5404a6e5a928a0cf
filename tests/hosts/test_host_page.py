"""A host's page: what it shows in each state, what its stream sends, and that viewers share the work."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from django.conf import settings
from django.test import AsyncClient

from console.access import Grant, Rights
from console.errors import ConnectionTimedOut, HostKeyChanged, HostKeyUnknown
from console.models import User
from console.snapshots import snapshots
from console.templatetags.console import ABSENT
from hosts import gauges, host_panels, sampling, top, units, watch
from hosts.facts import Facts
from hosts.host_panels import Finding
from hosts.inventory import FACTS
from hosts.models import Host
from hosts.samplers import BlockDevice, Cpu, Filesystem, Interface, Memory, Pressure, Sample
from hosts.top import Usage
from hosts.transport.pool import Link
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.console.sockets import open_socket, signed_in
from tests.hosts.watching import until, watching

GIB = 1024**3
ADMIN = Rights("admin")


def sample(seen=None, interfaces=("eth0",), full=98, **more):
    return Sample(
        uptime=100.0, host_time=time.time(), seen=seen or time.time(), monotonic=seen or time.time(), span=1.0,
        cpu=Cpu(0.5, 0.4, 0.1, 0, 0), cores=(0.25, 0.75), load=(1.0, 2.0, 3.0),
        memory=Memory(4 * GIB, 3 * GIB, GIB, 2 * GIB, GIB), pressure=Pressure(0.02, 0.0, 0.0, 0.0, 0.01, 0.0),
        filesystems=(Filesystem("/", "ext4", "/dev/vda", 100, full, 100 - full),),
        devices=(BlockDevice("vda", 1024.0, 2048.0, 0.5),),
        interfaces=tuple(Interface(name, 100.0, None, 0.0, 0.0, True) for name in interfaces),
    )  # fmt: skip


@pytest.fixture
def host():
    host = Host(pk=92, name="web-8", address="2001:db8::8", port=2222, sudo=True, user="ops")
    yield host
    snapshots.drop(92)
    sampling.forget(92)


def test_a_sample_becomes_texts_curves_and_points():
    fields = dict(gauges.fields(sample()))
    assert fields["cpu"] == "50\N{NO-BREAK SPACE}%"
    assert fields["core1-curve"] == 75.0
    assert fields["swap-note"].replace("\N{NO-BREAK SPACE}", " ") == "1.0 GiB of 2.0 GiB"
    assert fields["fs0-meter"] == 98.0
    assert fields["if0-sent"] == ABSENT  # not measured is not nothing
    assert gauges.points(sample(5.0))["cpu"] == [5.0, 50.0, 10.0, 0.0]


def test_a_frame_is_made_once_a_sample_and_stays_small():
    one = sample()
    assert gauges.frame(92, one) is gauges.frame(92, one)
    assert len(json.dumps(gauges.frame(92, one))) < 3000
    assert gauges.frame(92, sample()) is not gauges.frame(92, one)


def test_missed_points_are_told_but_for_the_newest(host):
    now = time.time()
    for second in range(5):
        sampling._keep(host.pk, sample(now + second))
    missed = gauges.missed(host.pk, now + 1)
    assert [round(points["cpu"][0] - now) for points in missed] == [2, 3]
    assert gauges.missed(host.pk, now + 4) == []


def test_another_interface_is_another_layout():
    assert gauges.layout(sample()) == gauges.layout(sample(full=10))
    assert gauges.layout(sample()) != gauges.layout(sample(interfaces=("eth0", "wg0")))


def test_health_names_the_causes_worst_first_and_links_them(host):
    sampling._keep(host.pk, sample(full=91))
    failed = units.Unit("a@b.service", "", "loaded", "failed", "failed", "", "")
    snapshots.put(host.pk, "units", units.Units({failed.name: failed}))
    snapshots.put(host.pk, FACTS, Facts(systemd=257, reboot_reason="updated packages", clock_skew=9.0))
    found = host_panels.findings(host, ADMIN)
    assert found[0] == Finding("critical", "a@b.service has failed", "/host/web-8/units/a%40b.service/")
    assert [(one.text, one.href) for one in found[1:]] == [
        ("/ is 91 % full", "#filesystems"),
        ("The clock is 9 s ahead", "/host/web-8/identity/"),
        ("Restart pending: updated packages", "/host/web-8/power/"),
    ]
    viewer = Rights("", (Grant("hosts.view", "*", "*"),))
    seen = host_panels.health_of(host, viewer)
    assert "has failed" not in seen
    assert "identity/" not in seen  # a page that this viewer may not open


def test_a_host_without_systemd_says_what_is_missing(host):
    sampling._keep(host.pk, sample())
    snapshots.put(host.pk, FACTS, Facts(os_name="Alpine", systemd=None))
    assert "systemd is not process 1" in host_panels.health_of(host, ADMIN)
    assert "not process 1" in host_panels.identity_of(host)


def test_the_address_says_how_vigie_gets_there(host):
    assert host_panels.address(host) == "ops@[2001:db8::8]:2222 with sudo"
    assert host_panels.address(Host(name="x", kind="local")) == "this machine"


def test_top_lists_hold_the_most_and_only_what_is_granted(host):
    usages = tuple(Usage(f"s{n}.service", float(n), n * 1024) for n in range(20))
    assert [one.name for one in top.by_cpu(usages)][:2] == ["s19.service", "s18.service"]
    assert len(top.by_memory(usages)) == top.SHOWN
    assert top.by_cpu([Usage("x.service", None, 3)]) == ()
    snapshots.put(host.pk, top.TOP, top.Top(usages, ()))
    some = Rights("", (Grant("units.view", "*", "s3.service"),))
    html = host_panels.top_of(host, some)
    assert "s3.service" in html
    assert "s19.service" not in html


# --- pages and streams


async def client_of(role="viewer"):
    user = await User.objects.acreate(username=f"u-{role}", role=role)
    user.set_password("a long password")
    await user.asave()
    client, session = AsyncClient(), await signed_in(user)
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client, session


class Frames:
    """What a page is sent."""

    def __init__(self, socket):
        self.socket = socket

    async def until(self, wanted, timeout=10.0):
        """The first frame for which `wanted(frame)` holds."""
        async with asyncio.timeout(timeout):
            while True:
                frame = json.loads(await self.socket.receive_from(timeout))
                await self.socket.send_json_to({"ack": frame["n"]})
                if wanted(frame):
                    return frame


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("link", "words"),
    [
        (None, ["Connecting", "never seen"]),
        (
            Link("unreachable", time.time(), ConnectionTimedOut(), time.time() + 9),
            ["did not answer", "Try now"],
        ),
        (
            Link("refused", time.time(), HostKeyUnknown(fingerprint="SHA256:abc")),
            ["SHA256:abc", "not known yet"],
        ),
        (
            Link(
                "refused",
                time.time(),
                HostKeyChanged(old_fingerprint="SHA256:old", new_fingerprint="SHA256:new"),
            ),
            ["SHA256:old", "SHA256:new", "has changed"],
        ),
    ],
)
async def test_a_host_that_was_never_seen_says_why_and_what_to_do(link, words):
    host = await Host.objects.acreate(name="far", address="192.0.2.1")
    if link:
        snapshots.put(host.pk, watch.LINK, link)
    try:
        client, _ = await client_of()
        answer = await client.get("/host/far/")
        assert answer.status_code == 200
        for word in words:
            assert word in answer.content.decode()
    finally:
        snapshots.drop(host.pk)


@pytest.mark.django_db(transaction=True)
async def test_hosts_that_are_not_granted_do_not_exist():
    await Host.objects.acreate(name="far", address="192.0.2.1")
    client, _ = await client_of("")
    assert (await client.get("/host/far/")).status_code == 404
    assert (await client.post("/host/far/retry/")).status_code == 404


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_the_page_is_live(web1):
    client, session = await client_of()
    async with watching(web1) as host:
        await until(lambda: sampling.newest(host.pk) and units.snapshot(host.pk))
        await until(lambda: snapshots.get(host.pk, FACTS))
        page = (await client.get(f"/host/{host.name}/")).content.decode()
        for text in ("Debian", "Identity", "Disk space", "Network interfaces", 'data-chart="pressure"'):
            assert text in page
        assert top.newest(host.pk) is None  # nobody has looked yet
        socket = await open_socket(f"/ws/host/{host.name}/", session)
        frames = Frames(socket)
        try:
            first = await frames.until(lambda frame: frame["kind"] == "sample" and "patch" in frame)
            second = await frames.until(lambda frame: frame["kind"] == "sample" and "patch" in frame, 30)
            assert second["samples"]["cpu"][0] - first["samples"]["cpu"][0] < 4  # 5 s while nobody looks
            shown = await frames.until(lambda frame: 'id="top"' in frame.get("html", ""))
            assert "ssh.service" in shown["html"]
            web1.shell("systemd-run --unit=breaks.service false", check=False)
            await frames.until(lambda frame: "breaks.service has failed" in frame.get("html", ""), 30)
            web1.shell("systemctl reset-failed breaks.service")
        finally:
            await socket.disconnect()
        await until(lambda: not snapshots.watched(host.pk, top.TOP))
        read = snapshots.get(host.pk, top.TOP).seen
        await asyncio.sleep(top.EVERY + 1)
        assert snapshots.get(host.pk, top.TOP).seen == read  # nobody looks: nothing is asked


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_frozen_host_says_so_on_its_open_page_and_heals(own_host):
    client, session = await client_of()
    async with watching(own_host) as host:
        await until(lambda: sampling.newest(host.pk))
        frames = Frames(socket := await open_socket(f"/ws/host/{host.name}/", session))
        own_host.freeze()
        try:
            shown = await frames.until(lambda frame: 'data-state="stale"' in frame.get("html", ""), 30)
            assert "as of" in shown["html"]
            page = (await client.get(f"/host/{host.name}/")).content.decode()
            assert "as of" in page
            assert "Disk space" in page  # what was last known stays
        finally:
            own_host.thaw()
        await frames.until(lambda frame: 'data-state="online"' in frame.get("html", ""), 40)
        await frames.until(lambda frame: frame["kind"] == "sample" and "patch" in frame, 30)
        await socket.disconnect()


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_try_now_connects_without_waiting(own_host):
    client, _ = await client_of()
    async with watching(own_host) as host:
        own_host.stop_sshd()
        await until(lambda: watch.link_of(host.pk).state == "unreachable", 30)
        await asyncio.sleep(4)  # some attempts have failed: the next one is seconds away
        own_host.start_sshd()
        await until(lambda: watch.link_of(host.pk).state != "connecting")
        answer = await client.post(f"/host/{host.name}/retry/", headers={"HX-Request": "true"})
        assert answer.status_code == 204
        await until(lambda: watch.link_of(host.pk).state == "online", 30)


def test_cpu_use_is_measured_between_two_readings():
    reader = top.Reader(None)
    assert reader._rate("a.service", 5_000_000_000) is None
    reader._spent["a.service"] = (time.monotonic() - 2, 5_000_000_000)
    assert reader._rate("a.service", 6_000_000_000) == pytest.approx(50, abs=1)  # 1 s of processor in 2 s
    assert reader._rate("a.service", 1) is None  # started anew meanwhile


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_containers_that_run_are_among_what_uses_most(web1):
    client, session = await client_of()
    image = web1.busybox()
    web1.shell(f"podman run -d --name eats-most {image} sh -c 'while :; do :; done'")
    try:
        async with watching(web1) as host:
            frames = Frames(socket := await open_socket(f"/ws/host/{host.name}/", session))
            shown = await frames.until(lambda frame: "eats-most" in frame.get("html", ""), 30)
            assert 'id="top-containers"' in shown["html"]
            page = (await client.get(f"/host/{host.name}/")).content.decode()
            assert "eats-most/" in page
            await socket.disconnect()
    finally:
        web1.shell("podman rm -f -t 0 eats-most")
