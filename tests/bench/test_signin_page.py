"""How many times a second the sign-in page is served. `python3 manage.py test -m bench tests/bench/test_signin_page.py`"""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.bench.conftest import cpu_seconds
from tests.bench.report import report
from tests.browser.server import Served, serve

SECONDS, CONNECTIONS, ROUNDS = 3.0, 8, 5
REQUEST = b"GET /accounts/login/ HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n\r\n"


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A console without hosts."""
    with serve(tmp_path_factory.mktemp("signin")) as served:
        yield served


@pytest.mark.served
async def test_requests_a_second(bare: Served):
    await asked(bare, 1.0)
    rounds = [await asked(bare, SECONDS) for _ in range(ROUNDS)]
    report("sign-in page, 8 kept connections", [rate for rate, _ in rounds], "/s", least=500)
    report("sign-in page, CPU of the server", [cost for _, cost in rounds], "ms")


async def asked(served: Served, seconds: float) -> tuple[float, float]:
    """Answers a second, and milliseconds of CPU for each."""
    before = cpu_seconds(served)
    count = sum(await asyncio.gather(*(ask(served, seconds) for _ in range(CONNECTIONS))))
    return count / seconds, (cpu_seconds(served) - before) / count * 1000


async def ask(served: Served, seconds: float) -> int:
    host = served.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        writer.write(REQUEST % host.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    await writer.wait_closed()
    return count
