"""What being watched costs a host, and what a sample costs Vigie. `pytest -m bench tests/bench/test_sampler_cost.py`"""

from __future__ import annotations

import time
import timeit
import tracemalloc
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from hosts.metrics import POINTS, History
from hosts.samplers import local, samples
from hosts.samplers.proc import COUNTERS
from hosts.samplers.reading import sample_between
from hosts.samplers.remote import SEPARATOR, parse_counters
from hosts.transport.ssh import SshTransport
from tests.lab.hosts import LabHost
from tests.lab.image import call

pytestmark = pytest.mark.bench
HOST_CPU, HOST_MEMORY = 0.5, 10.0  # the aims: % of a core, MiB
SECONDS = {1.0: 30, 5.0: 40}


def cpu_seconds(host: LabHost) -> float:
    """Of everything on the host, sshd included, as the kernel accounts it to the host's control group."""
    return int(call(["podman", "stats", "--no-stream", "--format", "{{.CPUNano}}", host.container])) / 1e9


async def percent_while(host: LabHost, seconds: float, work) -> float:
    before, began = cpu_seconds(host), time.monotonic()
    while time.monotonic() - began < seconds:
        await work()
    return (cpu_seconds(host) - before) / (time.monotonic() - began) * 100


def memory(host: LabHost) -> tuple[float, float]:
    """MiB that the sampler's shell holds, and that its connection's sshd processes do (shared pages by share)."""
    sums = "awk '/^Pss:/ {sum += $2} END {print sum / 1024}'"
    shell = host.shell(
        f"for p in $(pgrep -f 'IFS= read -r as[k]'); do cat /proc/$p/smaps_rollup; done | {sums}"
    )
    sshd = host.shell(f"for p in $(pgrep sshd-session); do cat /proc/$p/smaps_rollup; done | {sums}")
    return float(shell), float(sshd)


@pytest.mark.lab
@pytest.mark.timeout(180)
@pytest.mark.parametrize("interval", [1.0, 5.0])
async def test_cost_of_being_watched(own_host: LabHost, interval: float):
    async def idle() -> None:
        time.sleep(1)

    quiet = await percent_while(own_host, 10, idle)
    transport = await SshTransport.connect(own_host.target(), Path(own_host.key_path))
    async with aclosing(samples(transport, interval)) as stream:
        await anext(stream)
        held = memory(own_host)
        watched = await percent_while(own_host, SECONDS[interval], stream.__anext__)
    await transport.close()
    cost = watched - quiet
    print(
        f"\nsampled every {interval:.0f} s: {cost:.3f} % of a core, {cost / HOST_CPU:.2f} x the aim (idle {quiet:.3f} %)"
    )
    print(f"shell {held[0]:.1f} MiB + sshd {held[1]:.1f} MiB, {sum(held) / HOST_MEMORY:.2f} x the aim")
    assert cost <= HOST_CPU
    assert sum(held) <= HOST_MEMORY


def milliseconds(work, times: int = 300) -> float:
    return min(timeit.repeat(work, number=times, repeat=3)) / times * 1000


def test_cost_of_a_sample_for_vigie():
    text = SEPARATOR.join(Path(path).read_text() if Path(path).exists() else "" for path in COUNTERS)
    before, survey = parse_counters(text), local.read_survey()
    now = replace(before, uptime=before.uptime + 1)
    sample, history = sample_between(before, now, survey), History()
    parse = milliseconds(lambda: parse_counters(text))
    make = milliseconds(lambda: sample_between(before, now, survey))
    keep = milliseconds(lambda: history.add(sample))
    total = parse + make + keep
    print(f"\n{len(text)} bytes: parse {parse:.3f} ms, rates {make:.3f} ms, curves {keep:.3f} ms")
    print(
        f"1,000 hosts at 5 s: {total * 200 / 10:.1f} % of a core; psutil here: {milliseconds(local.read_counters):.3f} ms"
    )
    assert total < 2


def test_memory_of_a_host_s_curves():
    reading = local.read_counters()
    sample = sample_between(reading, replace(reading, uptime=reading.uptime + 1), local.read_survey())
    tracemalloc.start()
    history = History()
    for _ in range(POINTS + 1):
        history.add(sample)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(
        f"\n{len(history.names)} curves of {POINTS} points: {held / 1024:.0f} KiB, {held / 1.5e6:.3f} x the budget"
    )
    assert held < 0.5e6
