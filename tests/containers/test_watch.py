"""The live list of workloads, on a real host."""

import asyncio
import time

import pytest

from console.snapshots import snapshots
from containers import watch
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]

TICKING = "/bin/sh -c 'trap \"exit 0\" TERM; while :; do echo tick; sleep 0.2; done'"
AS_ALICE = "cd /; runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1000 podman"
QUADLET = "[Container]\nImage={image}\nExec=/bin/sh -c 'trap \"exit 0\" TERM; while :; do sleep 0.2; done'\n"


def rows(host):
    known = watch.snapshot(host.pk)
    return {row.name: row for row in known.value.by_key.values()} if known else {}


def state(host, name):
    row = rows(host).get(name)
    return row.state if row else None


class Looked:
    """A page that shows this host's workloads."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.subscription = snapshots.subscribe([(self.host.pk, watch.TOPIC), (self.host.pk, watch.STATS)])
        watch.attend(self.host.pk)

    def __exit__(self, *_):
        self.subscription.close()


async def test_a_change_made_in_a_shell_is_seen_at_once(web1):
    web1.shell(f"podman run -d --name seen {web1.busybox()} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "seen") == "running")
            with Looked(host):
                await until(lambda: watch.stats(host.pk))
                web1.shell("podman stop seen")
                began = time.monotonic()
                await until(lambda: state(host, "seen") == "exited")
                print(f"seen after {time.monotonic() - began:.2f} s")
                assert watch.counts(host.pk)[1] == 0
                web1.shell("podman start seen; podman pause seen")
                await until(lambda: state(host, "seen") == "paused")
                web1.shell("podman rm -f -t 0 seen")
                await until(lambda: state(host, "seen") is None)
    finally:
        web1.shell("podman rm -f -t 0 -i seen")


async def test_statistics_are_read_only_while_a_page_looks(web1):
    web1.shell(f"podman run -d --name measured {web1.busybox()} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "measured") == "running")
            await asyncio.sleep(1.5)
            assert not watch.stats(host.pk)
            with Looked(host):
                await until(
                    lambda: any(
                        one.memory and one.cpu_percent is not None for one in watch.stats(host.pk).values()
                    )
                )
    finally:
        web1.shell("podman rm -f -t 0 -i measured")


async def test_a_socket_that_goes_and_comes_back(own_host):
    own_host.shell(f"podman run -d --name stays {own_host.busybox()} {TICKING}")
    async with watching(own_host) as host:
        await until(lambda: state(host, "stays") == "running")
        with Looked(host):
            own_host.shell("systemctl stop podman.socket podman.service")
            await until(lambda: watch.snapshot(host.pk).value.engines[0].error)
            assert watch.snapshot(host.pk).value.engines[0].error.code in {"no-engine", "engine-gone"}
            own_host.shell("systemctl start podman.socket")
            began = time.monotonic()
            await until(lambda: watch.snapshot(host.pk).value.engines[0].error is None)
            assert state(host, "stays") == "running"
            print(f"healed after {time.monotonic() - began:.2f} s")


async def test_a_quadlet_is_one_row_stopped_and_running(web1):
    image = web1.busybox()
    web1.shell(
        "mkdir -p /etc/containers/systemd; cat > /etc/containers/systemd/page.container",
        stdin=QUADLET.format(image=image),
    )
    try:
        async with watching(web1) as host:
            await until(lambda: watch.snapshot(host.pk))
            web1.shell("systemctl daemon-reload")
            await until(lambda: state(host, "systemd-page") == "stopped")
            web1.shell("systemctl start page.service")
            await until(lambda: state(host, "systemd-page") == "running")
            await until(lambda: rows(host)["systemd-page"].engine_id)
            assert rows(host)["systemd-page"].unit == "page.service"
            web1.shell("systemctl stop page.service")
            await until(lambda: state(host, "systemd-page") == "stopped")
    finally:
        web1.shell(
            "systemctl stop page.service; rm /etc/containers/systemd/page.container; systemctl daemon-reload"
        )


async def test_a_login_has_an_engine_of_its_own(web1):
    image = web1.busybox(user="alice")
    web1.shell(f"{AS_ALICE} run -d --network none --name hers {image} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "hers") == "running")
            assert rows(host)["hers"].owner == "alice"
    finally:
        web1.shell(f"{AS_ALICE} rm -f -t 0 -i hers")


async def test_a_label_may_not_claim_a_unit(web1):
    """The image says that sshd's unit owns it; the unit knows nothing of it."""
    label = "--label PODMAN_SYSTEMD_UNIT=ssh.service --label 'x=<img src=x onerror=alert(1)>'"
    web1.shell(f"podman run -d --name claims {label} {web1.busybox()} {TICKING}")
    try:
        async with watching(web1) as host:
            await until(lambda: state(host, "claims") == "running")
            assert rows(host)["claims"].unit is None
    finally:
        web1.shell("podman rm -f -t 0 -i claims")
