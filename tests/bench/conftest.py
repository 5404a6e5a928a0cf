"""Benches: `python3 manage.py test -m bench` prints every figure; nothing here fails because a machine is slow."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bench.client import Client
from tests.bench.report import LINES, noise
from tests.browser.conftest import chromium, open_page  # noqa: F401  (fixtures)
from tests.browser.server import ROOT, Served, environment, first_start, serve
from tests.lab.hosts import LabHost

ADD_HOSTS = """
import json, sys
import django
django.setup()
from hosts.models import Host
for row in json.load(sys.stdin):
    Host.objects.create(**row)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/bench/" in item.nodeid:
            item.add_marker(pytest.mark.bench)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if LINES:
        terminalreporter.section("bench")
        for line in [*LINES, noise()]:
            terminalreporter.write_line(line)


@contextmanager
def console_of(data: Path, hosts: dict[str, LabHost]) -> Iterator[Served]:
    """A whole console, a process of its own, that watches these hosts (name in the console -> lab host)."""
    (data / "sessions.json").write_text(json.dumps(first_start(data)))
    (data / "ssh").mkdir(mode=0o700)
    for host in hosts.values():
        shutil.copy(host.key_path, data / "ssh" / "id_ed25519")
    add_hosts(data, hosts)
    with serve(data) as served:
        for name in hosts:
            wait_listed(served, name)
        yield served


def add_hosts(data: Path, hosts: dict[str, LabHost]) -> None:
    rows = [{"name": name, "address": host.address, "host_key": host.host_key} for name, host in hosts.items()]
    subprocess.run(
        [sys.executable, "-c", ADD_HOSTS],
        cwd=ROOT,
        env=environment(data, "console.settings"),
        input=json.dumps(rows),
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, web1: LabHost) -> Iterator[Served]:
    """A console that watches web1."""
    with console_of(tmp_path_factory.mktemp("bench"), {"web1": web1}) as served:
        yield served


def wait_listed(served: Served, host: str, least: int = 1, timeout: float = 60) -> None:
    """Until the host's page of units shows at least so many."""
    with Client(served) as client:
        until(lambda: units_listed(client, host) >= least, timeout)


def units_listed(client: Client, host: str) -> int:
    return len(re.findall(rb"<tr id=.unit:", client.get(f"/host/{host}/units/").body))


def until(condition: Callable[[], bool], timeout: float = 30) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.1)


def process_of(served: Served) -> psutil.Process:
    return psutil.Process(served.process.pid)


def cpu_seconds(served: Served) -> float:
    times = process_of(served).cpu_times()
    return times.user + times.system


def resident(served: Served) -> float:
    """MB."""
    return process_of(served).memory_info().rss / 1e6
