"""What is done to hosts, and what is asked of them afterwards."""

import asyncio
import time
from contextlib import contextmanager

from console.models import Operation


def bus_gone(host):
    host.shell("systemctl stop dbus.socket dbus.service; pkill -KILL dbus-daemon || true")


def bus_back(host):
    """Also logind, which may not find its way back by itself: each login by SSH would wait for it."""
    host.shell("systemctl start dbus.socket; systemctl restart systemd-logind")


@contextmanager
def slow_unit(host, name="slow.service", seconds=4):
    """A unit that runs and takes a while to stop, and counts how often it was asked to."""
    text = (
        f"[Service]\nExecStart=sleep infinity\nExecStop=sh -c 'echo stop >> /run/{name}.stops; sleep {seconds}'\n"
        f"ExecStartPre=sh -c 'echo start >> /run/{name}.starts'\n"
    )
    host.shell(f"cat > /etc/systemd/system/{name}; systemctl daemon-reload; systemctl start {name}", stdin=text)
    try:
        yield name
    finally:
        host.shell(
            f"systemctl kill -s KILL {name}; systemctl stop {name}; systemctl reset-failed {name}; "
            f"rm -f /etc/systemd/system/{name} /run/{name}.*; systemctl daemon-reload",
            check=False,
        )


def stops(host, name):
    return host.shell(f"cat /run/{name}.stops", check=False).count("stop")


def starts(host, name):
    return host.shell(f"cat /run/{name}.starts", check=False).count("start")


async def reached(operation, state, seconds=60):
    """The operation, once it is in this state."""
    async with asyncio.timeout(seconds):
        while (found := await Operation.objects.aget(pk=operation.pk)).state != state:
            await asyncio.sleep(0.1)
    return found


def eventually(condition, seconds):
    """Wait until the condition holds; its value. Fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return value
