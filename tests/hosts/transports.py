"""The ways to a host that every contract test is tried with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from hosts.transport.base import Target, Transport
from hosts.transport.local import LocalTransport
from hosts.transport.ssh import SshTransport
from tests.lab.hosts import LabHost

WAYS = ("local", "ssh", "sudo")


@asynccontextmanager
async def way_to(way: str, host: LabHost) -> AsyncIterator[Transport]:
    """A transport that leaves nothing behind: neither tasks, nor open files, nor folders."""
    before = open_files()
    transport = await connect(way, host)
    try:
        yield transport
    finally:
        await transport.close()
    await asyncio.sleep(0)
    deadline = time.monotonic() + 5  # lab hosts that start meanwhile have pipes of their own
    while open_files() - before and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left: {left}"
    assert open_files() <= before, f"files left: {open_files() - before}"


async def connect(way: str, host: LabHost) -> Transport:
    if way == "local":
        return await LocalTransport.connect(Target(id=1, name="here", kind="local"))
    target = host.target(user="operator", sudo=True) if way == "sudo" else host.target()
    return await SshTransport.connect(replace(target, id=1), Path(host.key_path))


def open_files() -> set[str]:
    """What this process has open, but for the event loop's own."""
    names = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            name = str(entry.readlink())
        except FileNotFoundError:
            continue
        if name.startswith(("socket:", "pipe:", "/dev/pt")):
            names.add(name)
    return names
