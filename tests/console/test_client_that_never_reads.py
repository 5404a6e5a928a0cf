"""Daphne buffers without limit for a client that does not read; the stream's own credit is what bounds it."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from console.streams import WINDOW_BYTES

ROOT = Path(__file__).parents[2]
HANDSHAKE = (
    "GET /ws/flood/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def connect():
    """A client of a server that waits `no_ack` seconds for an acknowledgement; and what the server prints."""
    opened = []

    def start(no_ack):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.flood_server", str(no_ack)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        port = int(process.stdout.readline())
        client = socket.create_connection(("127.0.0.1", port), timeout=60)
        opened.extend((process.stdout, client, process))
        client.sendall(HANDSHAKE.format(host=f"127.0.0.1:{port}").encode())
        return client, process.stdout

    yield start
    for thing in opened:
        if isinstance(thing, subprocess.Popen):
            thing.kill()
            thing.wait()
        else:
            thing.close()


def test_no_more_than_the_window_waits_for_it(connect):
    client, _ = connect(no_ack=600)
    received = 0
    while received < WINDOW_BYTES - 10_000:
        received += len(client.recv(65536))
    client.settimeout(2)
    with pytest.raises(TimeoutError):
        while True:
            received += len(client.recv(65536))
    assert received < WINDOW_BYTES + 50_000


def test_it_is_left(connect):
    client, printed = connect(no_ack=1)
    assert printed.readline() == "ended\n"  # without a byte read
    with contextlib.suppress(ConnectionResetError):
        while client.recv(65536):
            pass
