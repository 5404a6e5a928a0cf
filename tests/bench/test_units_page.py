"""What the units page costs the server with 300 and 2,000 units, and how long a click takes over systemctl itself.

Printed; run with `pytest -m bench tests/bench/test_units_page.py -s`.
"""

import statistics
import time

import pytest

from console.snapshots import snapshots
from hosts import units
from hosts.models import Host
from hosts.units import Unit, Units
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.hosts.test_unit_page import client_of

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
TYPES = ("service", "socket", "timer", "mount", "device", "target", "slice", "path")


def made_up(count):
    rows = [
        Unit(
            f"unit-{index:04}.{TYPES[index % 8]}", f"The unit number {index}", "loaded",
            ("active", "inactive", "failed")[index % 37 % 3 if index % 37 < 2 else 0], "running", "enabled", "",
        )
        for index in range(count)
    ]  # fmt: skip
    return Units({row.name: row for row in rows})


@pytest.mark.parametrize("count", [300, 2000])
async def test_units_page(count):
    host = await Host.objects.acreate(name="many", address="192.0.2.1")
    snapshots.put(host.pk, units.topic_of(""), made_up(count))
    client = await client_of()
    took, size = [], 0
    for _ in range(12):
        began = time.perf_counter()
        answer = await client.get("/host/many/units/")
        took.append((time.perf_counter() - began) * 1000)
        size = len(answer.content)
    snapshots.drop(host.pk)
    warm = took[2:]
    print(
        f"\nunits page, {count} units: first {took[0]:.0f} ms, then min {min(warm):.1f}"
        f" median {statistics.median(warm):.1f} max {max(warm):.1f} ms; {size / 1024:.0f} KiB of HTML"
    )
    assert answer.status_code == 200
    assert min(warm) < (30 if count == 300 else 120)
