"""A test that leaves a task, a child process or a socket behind fails, and says which.

ResourceWarnings are errors already (pyproject.toml); what is looked for here has no warning, or too late a one.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

# Shared by the whole run and started by whichever test asks first: lab hosts, the browser and its driver.
OF_THE_RUN = {"podman", "conmon", "runc", "crun", "netavark", "aardvark-dns", "node", "chromium", "chrome"}
SECONDS_TO_END = 2.0
ASYNCIO_RUNNER = "_function_scoped_runner"  # pytest-asyncio's; it cancels what is left over without a word


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up first and so torn down last, but before the test's event loop is closed."""
    runner = request.getfixturevalue(ASYNCIO_RUNNER) if ASYNCIO_RUNNER in request.fixturenames else None
    shared = any(request.node.get_closest_marker(name) for name in ("lab", "browser"))
    children, sockets = child_processes(), set() if shared else open_sockets()
    yield
    leaked = tasks_of(runner) if runner else []
    leaked += [process.info for process in ended_late(child_processes() - children)]
    leaked += [] if shared else new_sockets(sockets)
    if leaked:
        pytest.fail("left behind: " + "; ".join(map(str, leaked)), pytrace=False)


def tasks_of(runner: asyncio.Runner) -> list[str]:
    loop = runner.get_loop()
    if any(not task.done() for task in asyncio.all_tasks(loop)):
        loop.run_until_complete(asyncio.sleep(0.05))  # a cancelled one needs a turn to end
    return [f"task {task!r}" for task in asyncio.all_tasks(loop) if not task.done()]


def child_processes() -> set[psutil.Process]:
    return {process for process in psutil.Process().children() if _is_of_the_test(process)}


def ended_late(processes: set[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end by themselves within a moment."""
    _, alive = psutil.wait_procs(processes, timeout=SECONDS_TO_END)
    for process in alive:
        process.info = f"process {process.pid} {process.name()}"
    return alive


def open_sockets() -> set[str]:
    return {target for target in map(_target, Path("/proc/self/fd").iterdir()) if target.startswith("socket:")}


def new_sockets(before: set[str]) -> list[str]:
    deadline = time.monotonic() + SECONDS_TO_END
    while (new := open_sockets() - before) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    return sorted(new)


def _is_of_the_test(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.name() not in OF_THE_RUN
    except psutil.NoSuchProcess:
        return False


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
