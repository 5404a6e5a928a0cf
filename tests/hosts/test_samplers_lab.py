"""The remote sampler and the facts on real hosts: with an overlay root, bind mounts, reboots and a freeze."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from console.errors import Unreachable
from hosts.facts import read_facts
from hosts.metrics import health
from hosts.samplers import Sample, samples
from hosts.samplers.remote import ARGV, RemoteSource
from hosts.transport.ssh import SshTransport
from tests.lab.hosts import Lab, LabHost
from tests.lab.image import call

pytestmark = pytest.mark.lab
SHELL_RUNS = "pgrep -cf 'IFS= read -r as[k]' || true"


@asynccontextmanager
async def way_to(host: LabHost, user: str = "root") -> AsyncIterator[SshTransport]:
    target = host.target(user=user, sudo=user == "operator")
    transport = await SshTransport.connect(target, Path(host.key_path))
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def sampling(
    host: LabHost, pace: float, user: str = "root"
) -> AsyncIterator[AsyncGenerator[Sample, None]]:
    async with way_to(host, user) as transport, aclosing(samples(transport, pace)) as stream:
        yield stream


@pytest.mark.parametrize("user", ["root", "limited", "operator"])
async def test_a_host_shows_its_overlay_root_once_and_nothing_that_is_bound(web1, user):
    async with sampling(web1, 1.0, user) as stream:
        sample = await anext(stream)
    assert [(disk.mount_point, disk.kind) for disk in sample.filesystems] == [("/", "overlay")]
    assert sample.filesystems[0].total > 2**30
    assert sample.boot_id == web1.boot_id()
    assert sample.interfaces[0].name == "eth0"
    assert 3 < sample.processes < 200
    assert sample.cpu is None or 0 <= sample.cpu.busy <= 1


async def test_busybox_alone_is_enough(web1):
    web1.shell("mkdir -p /tmp/bb && busybox --install -s /tmp/bb")
    async with way_to(web1) as transport:
        source = await RemoteSource.open(transport, ("env", "-i", "PATH=/tmp/bb", "/tmp/bb/sh", *ARGV[1:]))
        reading, survey = await source.read(), await source.survey()
        await source.close()
    assert reading.cpu and reading.memory and reading.interfaces
    assert [disk.mount_point for disk in survey.filesystems] == ["/"]
    assert survey.processes > 3


async def test_a_mount_with_blanks_quotes_and_commands_in_its_name(own_host, tmp_path):
    name = "/mnt/a $(touch /tmp/hacked) 'b' \\041 é;`touch /tmp/hacked`"
    image = tmp_path / "disk"
    call(["truncate", "-s", "8M", str(image)])
    call(["mkfs.ext4", "-q", str(image)])
    call(["podman", "cp", str(image), f"{own_host.container}:/tmp/disk"])
    own_host.shell('IFS= read -r name; mkdir -p "$name" && mount /tmp/disk "$name"', stdin=name + "\n")
    try:
        async with sampling(own_host, 1.0) as stream:
            sample = await anext(stream)
    finally:
        own_host.shell("umount /tmp/disk")
    assert [disk.mount_point for disk in sample.filesystems] == ["/", name]
    assert 2**20 < sample.filesystems[1].total < 2**24
    assert own_host.shell("ls /tmp/hacked 2>/dev/null || true") == ""


@pytest.mark.parametrize("user", ["root", "operator"])
async def test_nothing_stays_behind_on_the_host(own_host, user):
    """As operator it runs through sudo."""
    async with sampling(own_host, 1.0, user) as stream:
        await anext(stream)
        assert int(own_host.shell(SHELL_RUNS)) >= 1
    await asyncio.sleep(0.5)
    assert own_host.shell(SHELL_RUNS).strip() == "0"


async def test_a_frozen_host_goes_on_where_it_was(own_host):
    async with sampling(own_host, 0.2) as stream:
        await anext(stream)
        own_host.freeze()
        try:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(2.5)
            assert not waiting.done()
        finally:
            own_host.thaw()
        late = await asyncio.wait_for(waiting, 5)
        assert late.span > 2
        assert (await anext(stream)).span < 1


async def test_a_reboot_ends_the_stream_and_the_next_one_sees_a_new_boot(lab: Lab, own_host):
    async with sampling(own_host, 0.2) as stream:
        before = await anext(stream)
        rebooting = asyncio.create_task(asyncio.to_thread(lab.reboot, own_host))
        with pytest.raises(Unreachable):
            async with asyncio.timeout(20):
                while True:
                    await anext(stream)
    own_host = await rebooting
    async with sampling(own_host, 0.2) as stream:
        after = await anext(stream)
    assert after.boot_id != before.boot_id


@pytest.mark.parametrize("user", ["root", "limited", "operator"])
async def test_facts_of_a_host(web1, user):
    async with way_to(web1, user) as transport:
        facts = await read_facts(transport)
    assert (facts.os_id, facts.os_version) == ("debian", "13")
    assert facts.hostname == "web1"
    assert facts.systemd >= 257
    assert facts.virtualisation == "podman"
    assert {"podman", "journalctl", "ostree", "apt-get"} <= facts.tools
    assert facts.machine_id == web1.shell("cat /etc/machine-id").strip()
    assert facts.boot_id == web1.boot_id()
    assert abs(facts.clock_skew) <= facts.clock_error + 0.05
    assert facts.problems == () and facts.reboot_reason == "" and not facts.ostree


async def test_a_pending_restart_is_an_issue(own_host):
    own_host.shell("touch /run/reboot-required; echo linux-image-amd64 > /run/reboot-required.pkgs")
    async with way_to(own_host) as transport:
        facts = await read_facts(transport)
    assert [issue.text for issue in health(None, facts)] == [
        "Restart pending: updated packages: linux-image-amd64"
    ]
