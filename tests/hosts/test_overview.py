"""The overview: one row a host, worst first, true to what is known, whatever the hosts do."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from django.conf import settings
from django.test import AsyncClient

from console.access import Grant, Rights
from console.errors import HostKeyUnknown, NoDBus, NoSystemd
from console.models import User
from console.palette import search
from console.snapshots import snapshots
from hosts import overview, sampling, units, watch
from hosts.consumers import overview as consumer
from hosts.facts import Facts
from hosts.inventory import FACTS
from hosts.models import Host
from hosts.overview import Summary
from hosts.overview_rows import row_html, tiles, totals_html
from hosts.samplers import Cpu, Filesystem, Memory, Pressure, Sample
from hosts.transport.pool import Link
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.console.sockets import open_socket, signed_in
from tests.hosts.watching import until, watching

GIB = 1024**3
ADMIN = Rights("admin")


def sample(busy=0.5, used=10, pressure=0.02):
    return Sample(
        uptime=100.0, host_time=time.time(), seen=time.time(), monotonic=time.monotonic(), span=1.0,
        cpu=Cpu(busy, busy, 0, 0, 0), cores=(busy, busy), load=(1.0, 1.0, 1.0),
        memory=Memory(4 * GIB, 3 * GIB, GIB, 0, 0), pressure=Pressure(cpu_some=pressure, memory_full=0.0),
        filesystems=(
            Filesystem("/", "ext4", "/dev/vda", 100, used, 100 - used),
            Filesystem("/usr", "erofs", "x", 9, 9, 0, True),
        ),
    )  # fmt: skip


def unit(name, active="active"):
    return units.Unit(name, "", "loaded", active, active, "enabled", "")


@pytest.fixture
def host():
    host = Host(pk=91, name="web-7", address="192.0.2.7", group_names=["web"])
    yield host
    snapshots.drop(91)
    sampling.forget(91)
    overview.forget(91)


def tell(host, state="online", *, active="active", **of_sample):
    snapshots.put(host.pk, watch.LINK, Link(state, time.time()))
    snapshots.put(host.pk, FACTS, Facts(os_name="Debian 13", reboot_reason="updated packages: linux"))
    snapshots.put(host.pk, "units", units.Units({"a.service": unit("a.service", active)}))
    known = sample(**of_sample)
    sampling._keep(host.pk, known)
    snapshots.put(host.pk, sampling.BEAT, known)


def test_a_host_that_was_never_seen(host):
    row = overview.summary(host)
    assert (row.state, row.seen, row.cpu, row.failed) == ("connecting", None, None, None)
    assert "never seen" in row_html(row)


def test_a_row_says_what_is_known(host):
    tell(host)
    row = overview.summary(host)
    assert (row.cpu, row.memory, row.disk, row.disk_mount, row.pressure) == (50, 25, 10, "/", 2)
    assert (row.os, row.reboot, row.failed) == ("Debian 13", "updated packages: linux", ())
    assert row.rank == overview.ATTENTION  # /usr is read-only
    html = row_html(row)
    assert 'data-problem="reboot"' in html
    assert 'data-group="web"' in html


def test_a_row_is_made_once_for_one_state_of_the_host(host):
    tell(host)
    assert overview.summary(host) is overview.summary(host)
    before = overview.summary(host)
    tell(host, active="failed")
    assert overview.summary(host) != before
    assert overview.summary(host).rank == overview.FAILING
    assert "units/?state=failed" in row_html(overview.summary(host))


def test_worst_first_then_by_name_with_its_numbers():
    rows = [
        Summary(1, "web10", (), "online", 0.0),
        Summary(2, "web9", (), "online", 0.0),
        Summary(3, "zz", (), "unreachable", 0.0),
        Summary(4, "yy", (), "online", 0.0, failed=("a.service",)),
        Summary(5, "xx", (), "online", 0.0, warning=True),
        Summary(6, "aa", (), "online", 0.0, unhealthy=1, running=2),
    ]
    assert [row.name for row in overview.worst_first(rows)] == ["zz", "aa", "yy", "xx", "web9", "web10"]


def test_totals_link_to_the_hosts_they_are_about():
    rows = [
        Summary(1, "a", (), "unreachable", 0.0),
        Summary(2, "b", (), "online", 0.0, failed=("x", "y"), running=3, unhealthy=1, disk=95, reboot="why"),
        Summary(3, "c", (), "online", 0.0, failed=(), running=2, unhealthy=0),
    ]
    shown = {tile["label"]: (tile["value"], tile.get("href")) for tile in tiles(overview.totals(rows))}
    assert shown["Hosts online"] == ("2 of 3", "/?problem=away")
    assert shown["Failed units"] == ("2", "/?problem=failed")
    assert shown["Containers running"] == ("5", "/?problem=unhealthy")
    assert shown["Disks nearly full"] == ("1", "/?problem=disk")
    assert shown["Restart pending"] == ("1", "/?problem=reboot")
    quiet = {tile["label"]: tile.get("href") for tile in tiles(overview.totals(rows[2:]))}
    assert set(quiet.values()) == {None}
    assert 'id="totals"' in totals_html(overview.totals([]))


def test_what_is_not_granted_is_not_counted(host):
    tell(host, active="failed")
    row = overview.summary(host)
    some = Rights("", (Grant("hosts.view", "*", "*"), Grant("units.view", "*", "nginx*")))
    none = Rights("", (Grant("hosts.view", "*", "*"),))
    assert row.seen_by(ADMIN, host).failed == ("a.service",)
    assert row.seen_by(some, host).failed == ()
    assert row.seen_by(none, host).failed is None


def test_hostile_names_stay_text(host):
    host.group_names = ["<b>x"]
    snapshots.put(host.pk, FACTS, Facts(os_name="<script>alert(1)</script>"))
    html = row_html(overview.summary(host))
    assert "<script>" not in html
    assert "<b>x" not in html


async def page_of(role, path="/"):
    user = await User.objects.acreate(username=f"u-{role}", role=role)
    user.set_password("a long password")
    await user.asave()
    client = AsyncClient()
    session = await signed_in(user)
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return (await client.get(path)).content.decode(), session


@pytest.mark.django_db(transaction=True)
async def test_an_empty_overview_invites_to_add_a_host():
    page, _ = await page_of("admin")
    assert 'href="/hosts/add/"' in page
    assert "No hosts yet" in page
    page, _ = await page_of("viewer")
    assert "/hosts/add/" not in page
    assert "No hosts that you may see" in page


@pytest.mark.django_db(transaction=True)
async def test_the_stream_sends_new_hosts_changes_and_what_is_gone(monkeypatch):
    monkeypatch.setattr(consumer, "LOOK", 0.1)
    monkeypatch.setattr("console.streams.RECHECK", 0.2)
    host = await Host.objects.acreate(name="one", address="192.0.2.1")
    page, session = await page_of("viewer")
    assert f'id="host:{host.pk}"' in page
    socket = await open_socket("/ws/", session)
    try:
        await frame_with(socket, f'id=\\"host:{host.pk}\\"')
        snapshots.put(host.pk, watch.LINK, Link("refused", time.time(), HostKeyUnknown()))
        await frame_with(socket, "refused")
        other = await Host.objects.acreate(name="two", address="192.0.2.2")
        await frame_with(socket, f'id=\\"host:{other.pk}\\"')
        await host.adelete()
        await frame_with(socket, f'"ids":["host:{other.pk}"]')
    finally:
        await socket.disconnect()
        snapshots.drop(host.pk)


async def frame_with(socket, text, timeout=5.0):
    """The first frame that has this text."""
    async with asyncio.timeout(timeout):
        while True:
            raw = await socket.receive_from(timeout)
            await socket.send_json_to({"ack": json.loads(raw)["n"]})
            if text in raw:
                return json.loads(raw)


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_frozen_host_is_shown_as_of_within_15_seconds_and_heals(own_host, web1):
    async with watching(own_host, web1) as (frozen, other):
        await until(
            lambda: overview.summary(frozen).cpu is not None and overview.summary(other).cpu is not None
        )
        own_host.freeze()
        try:
            began = time.monotonic()
            await until(lambda: not overview.summary(frozen).live, 30)
            row = overview.summary(frozen)
            assert row.rank == overview.LOST
            assert row.cpu is not None  # what was last known stays
            assert "as of" in row_html(row)
            page, _ = await page_of("viewer")
            print(f"the overview beside a frozen host took {time.monotonic() - began:.2f} s")
            assert "as of" in page
            assert overview.summary(other).live
        finally:
            own_host.thaw()
        await until(lambda: overview.summary(frozen).live, 40)


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_unit_that_fails_puts_its_host_first(web1, web2):
    async with watching(web1, web2) as rows:
        await until(lambda: all(overview.summary(host).failed is not None for host in rows))
        web2.shell("systemd-run --unit=falls.service false", check=False)
        second = rows[1]
        await until(lambda: overview.summary(second).failed == ("falls.service",), 30)
        assert overview.worst_first(map(overview.summary, rows))[0].id == second.pk
        web2.shell("systemctl reset-failed falls.service")
        await until(lambda: overview.summary(second).failed == (), 30)


def test_ctrl_k_finds_hosts_pages_and_units(host, monkeypatch):
    tell(host)
    monkeypatch.setattr(watch, "known_hosts", lambda: [host])

    def found(query, rights=ADMIN):
        return [(entry["label"], entry["href"]) for entry in search(query, rights)]

    assert ("web-7", "/host/web-7/") in found("EB-7")
    assert ("a.service", "/host/web-7/units/a.service/") in found("a.serv")
    assert ("Restart or power off", "/host/web-7/power/") in found("web power")
    assert found("web", Rights()) == []
    viewer = Rights("", (Grant("hosts.view", "*", "*"),))
    assert found("web power", viewer) == []
    assert found("a.serv", viewer) == []


def test_without_systemd_no_bus_is_asked_for(monkeypatch):
    """What is missing is systemd; a remedy for D-Bus would lead nowhere."""
    monkeypatch.setitem(watch._troubles, 99, {"units": NoDBus(), "facts": NoSystemd()})
    assert watch.trouble_of(99, ["units"]).code == "no-systemd"
    monkeypatch.setitem(watch._troubles, 99, {"units": NoDBus()})
    assert watch.trouble_of(99, ["units"]).code == "no-dbus"
