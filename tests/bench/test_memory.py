"""Resident memory at the start and for each host. `python3 manage.py test -m bench tests/bench/test_memory.py`"""

from __future__ import annotations

import time

import pytest

from tests.bench.client import Client
from tests.bench.conftest import console_of, resident
from tests.bench.report import report
from tests.browser.server import serve
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
EACH = 8  # rows for each of three lab hosts
SETTLE = 20.0  # seconds: samples, units, facts and workloads were read by then


@pytest.mark.served
def test_memory(tmp_path_factory, web1: LabHost, web2: LabHost, web3: LabHost):
    with serve(tmp_path_factory.mktemp("empty")) as served:
        time.sleep(3)
        report("memory at start, no host", resident(served), "MB", aim=120)
    few = measured(tmp_path_factory.mktemp("few"), {"host-0": web1})
    hosts = {f"host-{n}": (web1, web2, web3)[n % 3] for n in range(3 * EACH)}
    many = measured(tmp_path_factory.mktemp("many"), hosts)
    report("memory with one host", few, "MB")
    report(f"memory with {len(hosts)} hosts", many, "MB")
    report("memory a host", (many - few) / (len(hosts) - 1), "MB", aim=1.5)


def measured(data, hosts: dict[str, LabHost]) -> float:
    with console_of(data, hosts) as served, Client(served) as client:
        time.sleep(SETTLE)
        overview = client.get("/").body
        assert all(f'href="/host/{name}/"'.encode() in overview for name in hosts)
        return resident(served)
