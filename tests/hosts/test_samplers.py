"""Both samplers on this machine, against each other, and what ends and bounds them. The parsers: test_proc.py."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from tempfile import TemporaryDirectory

import pytest

from console.errors import AnswerTimedOut, Disconnected, Failed
from hosts.samplers import Pace, Sample, remote, samples
from hosts.samplers.local import LocalSource
from hosts.samplers.reading import sample_between
from hosts.samplers.remote import ARGV, RemoteSource
from hosts.samplers.sampler import MAX_UNREADABLE, Sampler
from hosts.transport.base import Target
from hosts.transport.local import LocalTransport
from tests.fakes.shell import ShellTransport

SHELLS = [["sh"], ["busybox", "sh"]]


async def first(stream, count: int) -> list[Sample]:
    found = []
    async with aclosing(stream):
        async for sample in stream:
            found.append(sample)
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("kind", ["local", "ssh"])
async def test_a_sample_has_everything_a_page_shows(kind):
    (sample,) = await first(samples(ShellTransport(kind=kind), 1.0), 1)

    assert sample.uptime > 0 and len(sample.boot_id) == 36
    assert abs(sample.host_time - time.time()) < 2
    assert 0.2 < sample.span < 1
    assert sample.cores and all(0 <= core <= 1 for core in sample.cores)
    assert sample.load and min(sample.load) >= 0
    assert 0 < sample.memory.used < sample.memory.total
    assert sample.filesystems[0].mount_point == "/"
    assert sample.filesystems[0].total > sample.filesystems[0].used > 0
    assert len({disk.source for disk in sample.filesystems}) == len(sample.filesystems)
    assert sample.interfaces and "lo" not in [interface.name for interface in sample.interfaces]
    assert sample.processes > 1 and sample.threads >= 1


@pytest.mark.parametrize("kind", ["local", "ssh"])
async def test_the_pace_can_be_changed_while_a_sampler_waits(kind):
    pace = Pace(60)
    async with aclosing(samples(ShellTransport(kind=kind), pace)) as stream:
        await anext(stream)
        asyncio.get_running_loop().call_later(0.1, setattr, pace, "interval", 0.2)
        async with asyncio.timeout(30):  # at the first pace it would take three minutes
            for _ in range(3):
                await anext(stream)


def close(left: float | None, right: float | None, *, by: float, share: float = 0.0) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) <= by + share * max(abs(left), abs(right))


async def both(shell: list[str], work) -> tuple[Sample, Sample]:
    """One sample of each kind over the same second, in which `work` gives the machine something to do."""
    transport = await LocalTransport.connect(Target(id=1, name="here", kind="local"))
    psutil, text = LocalSource(), await RemoteSource.open(transport, (*shell, *ARGV[1:]))
    try:
        before = await asyncio.gather(psutil.read(), text.read())
        await work()
        after = await asyncio.gather(psutil.read(), text.read())
        surveys = await asyncio.gather(psutil.survey(), text.survey())
    finally:
        await text.close()
        await transport.close()
    left, right = (sample_between(*args) for args in zip(before, after, surveys, strict=True))
    return left, right


async def busy_second(folder: str):
    """A core at work, 32 MiB written to the disk."""
    burn = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'dd if=/dev/zero of="$0" bs=1M count=32 conv=fsync 2>/dev/null; while :; do :; done',
        f"{folder}/written",
    )
    await asyncio.sleep(1.0)
    burn.kill()
    await burn.wait()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_both_samplers_say_the_same_of_one_machine(shell):
    """psutil while the remote script runs on the same machine: every field, within what a few milliseconds change."""
    with TemporaryDirectory(dir="/var/tmp") as folder:  # a disk, where /tmp may be memory
        local, far = await both(shell, lambda: busy_second(folder))

    assert close(local.uptime, far.uptime, by=0.2) and close(local.span, far.span, by=0.2)
    assert close(local.host_time, far.host_time, by=1.2)
    assert local.boot_id == far.boot_id
    assert local.cpu.busy > 0.4 / len(local.cores)
    for share in ("busy", "user", "system", "iowait", "steal"):
        assert close(getattr(local.cpu, share), getattr(far.cpu, share), by=0.08), share
    assert len(local.cores) == len(far.cores)
    assert all(close(*pair, by=0.15) for pair in zip(local.cores, far.cores, strict=True))
    assert all(close(*pair, by=0.2) for pair in zip(local.load, far.load, strict=True))
    for amount in ("available", "used", "cached", "swap_used"):
        assert close(getattr(local.memory, amount), getattr(far.memory, amount), by=64e6), amount
    assert (local.memory.total, local.memory.swap_total) == (far.memory.total, far.memory.swap_total)
    for share in ("cpu_some", "cpu_full", "memory_some", "memory_full", "io_some", "io_full"):
        assert close(getattr(local.pressure, share), getattr(far.pressure, share), by=0.2), share
    assert close(local.processes, far.processes, by=12) and close(local.threads, far.threads, by=40)
    same_disks(local, far)
    same_devices(local, far)
    same_interfaces(local, far)


def same_disks(local: Sample, far: Sample) -> None:
    assert len(local.filesystems) == len(far.filesystems) > 0
    for left, right in zip(local.filesystems, far.filesystems, strict=True):
        assert (left.mount_point, left.kind, left.source) == (right.mount_point, right.kind, right.source)
        assert (left.total, left.read_only) == (right.total, right.read_only)
        assert close(left.used, right.used, by=64e6) and close(left.available, right.available, by=64e6)


def same_devices(local: Sample, far: Sample) -> None:
    assert [device.name for device in local.devices] == [device.name for device in far.devices]
    for left, right in zip(local.devices, far.devices, strict=True):
        assert close(left.read, right.read, by=4e6, share=0.25)
        assert close(left.written, right.written, by=4e6, share=0.25)
        assert close(left.busy, right.busy, by=0.25)
    assert sum(device.written for device in local.devices) > 16e6


def same_interfaces(local: Sample, far: Sample) -> None:
    assert {i.name for i in local.interfaces} == {i.name for i in far.interfaces}
    right = {interface.name: interface for interface in far.interfaces}
    for left in local.interfaces:
        assert left.physical == right[left.name].physical
        assert close(left.received, right[left.name].received, by=2e5, share=0.25)
        assert close(left.sent, right[left.name].sent, by=2e5, share=0.25)
        assert close(left.errors, right[left.name].errors, by=5)
        assert close(left.drops, right[left.name].drops, by=5)


async def test_the_script_ends_when_its_channel_closes():
    transport = ShellTransport()
    async with aclosing(samples(transport, 1.0)) as stream:
        await anext(stream)
        process = transport.spawned[0].process
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 2) == 0
        with pytest.raises(Disconnected):
            await anext(stream)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_the_script_ends_when_nobody_reads_any_more(shell):
    """Its output is gone but its input stays open: it must not spin."""
    process = await asyncio.create_subprocess_exec(
        *shell, *ARGV[1:], stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    process._transport.get_pipe_transport(1).close()
    process.stdin.write(b"counters\n")
    assert await asyncio.wait_for(process.wait(), 2) != 255


async def test_closing_the_iterator_ends_the_host_s_part():
    transport = ShellTransport()
    await first(samples(transport, 1.0), 1)
    assert transport.spawned[0].process.returncode is not None


async def test_nothing_piles_up_while_vigie_is_busy():
    """Two seconds in which nobody asks are one longer span, not a queue of old samples."""
    async with aclosing(samples(ShellTransport(), 0.2)) as stream:
        await anext(stream)
        await asyncio.sleep(2)
        late = await anext(stream)
        assert late.span > 1.8
        assert (await anext(stream)).span < late.span


def host(script: str) -> ShellTransport:
    """A host whose shell runs this instead of what it is given."""
    return ShellTransport(["sh", "-c", script])


async def test_a_host_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(remote, "ANSWER_WITHIN", 0.5)
    with pytest.raises(AnswerTimedOut):
        await first(samples(host("cat >/dev/null"), 1.0), 1)


async def test_a_host_that_answers_without_end_is_given_up():
    with pytest.raises(Failed, match="longer than"):
        await first(samples(host("exec cat /dev/zero"), 1.0), 1)


async def test_a_host_that_talks_nonsense_is_given_up():
    nonsense = "while read -r ask; do echo; echo @begin; echo cpu -1 nan; echo; echo @end; done"
    with pytest.raises(Failed, match="/proc"):
        await first(samples(host(nonsense), 0.01), 1)


async def test_a_login_shell_s_greeting_does_no_harm():
    source = await RemoteSource.open(ShellTransport(), ("sh", "-c", "echo '@end of the news'; " + ARGV[2]))
    try:
        assert (await source.read()).uptime > 0
        assert (await source.survey()).filesystems
    finally:
        await source.close()


class Readings:
    """A host whose readings are given."""

    def __init__(self, *readings):
        self.readings = iter(readings)

    async def read(self):
        return next(self.readings, None)

    async def survey(self):
        return remote.parse_survey("")[0]


async def test_one_garbled_reading_is_passed_over():
    reading = remote.parse_counters
    source = Readings(reading("10.00 1\n"), None, reading("12.50 1\n"))
    (sample,) = await first(Sampler(source, Pace(0.001)).samples(), 1)
    assert sample.span == 2.5
    assert MAX_UNREADABLE > 1
