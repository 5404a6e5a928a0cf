"""What ten viewers of a live host page cost the server, beside one.

`python3 manage.py test -m bench tests/bench/test_viewers.py`
"""

from __future__ import annotations

import time

import pytest

from tests.bench.client import viewers
from tests.bench.conftest import cpu_seconds
from tests.bench.report import report
from tests.browser.server import Served

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(300)]
PAGE, STREAM = "/host/web1/", "/ws/host/web1/"
SECONDS, ROUNDS = 6.0, 3
AIM = 1.5


def test_cpu_of_one_and_ten(console: Served, open_page):
    """A Chromium looks too, so that one viewer is a real one."""
    page = open_page(console)
    page.goto(PAGE)
    page.locator("#live[data-state=live]").wait_for()
    costs: dict[int, list[float]] = {0: [], 9: []}
    for _ in range(ROUNDS):
        for others, cost in costs.items():
            with viewers(console, STREAM, others) as seen:
                page.wait_for_timeout(1500)
                began, sent = seen.frames, seen.bytes
                cost.append(percent(console, lambda: page.wait_for_timeout(SECONDS * 1000)))
                frames, size = (seen.frames - began) / SECONDS, (seen.bytes - sent) / SECONDS / 1000
    page.goto("about:blank")
    time.sleep(6)  # until the sampler is slow again
    idle = [percent(console, lambda: time.sleep(SECONDS)) for _ in range(ROUNDS)]
    report("CPU of the server, one host, nobody looks", idle, "% core")
    report("CPU of the server, 1 viewer of its page (Chromium)", costs[0], "% core")
    report("CPU of the server, 10 viewers of it", costs[9], "% core", over=costs[0], aim_over=AIM)
    report("frames to each viewer", frames / 9, "/s")
    report("bytes to each viewer", size / 9, "kB/s")


def percent(served: Served, wait) -> float:
    before, began = cpu_seconds(served), time.monotonic()
    wait()
    return (cpu_seconds(served) - before) / (time.monotonic() - began) * 100
