"""The transport's contract, the same for every way to a host."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import AnswerTimedOut, Failed, InvalidInput, NotFound, Unsupported
from hosts.transport.base import Process, Pty, Transport
from tests.hosts.transports import WAYS, way_to
from tests.lab.hosts import LabHost

pytestmark = pytest.mark.lab


@pytest.fixture(params=WAYS)
async def way(request: pytest.FixtureRequest, web1: LabHost) -> AsyncIterator[Transport]:
    async with way_to(request.param, web1) as transport:
        yield transport


async def test_run_gives_output_errors_and_code(way: Transport) -> None:
    done = await way.run(["sh", "-c", "cat; echo bad >&2; exit 3"], stdin=b"in\0\xff")
    assert (done.code, done.stdout, done.stderr) == (3, b"in\0\xff", b"bad\n")


async def test_arguments_arrive_as_they_are(way: Transport) -> None:
    hostile = ["", " ", "$(id)", "`id`", "a'b\"c", "*", "; reboot", "\\x2d", "zwei\nzeilen", "-n", "ümläut"]
    done = await way.run(["printf", "%s\\0", *hostile])
    assert done.stdout.decode().split("\0")[:-1] == hostile


async def test_arguments_that_cannot_be_sent_harm_nobody(way: Transport) -> None:
    """sshd closes the connection, which is everybody's, at a NUL and at a packet that is too long."""
    running = await way.spawn(["cat"])
    for argument in ("nul\0", "x" * 300_000):
        with pytest.raises(InvalidInput):
            await way.run(["printf", "%s", argument])
        with pytest.raises(InvalidInput):
            await way.spawn(["printf", "%s", argument])
    assert (await way.run(["printf", "%s", "x" * 100_000])).code == 0
    assert running.running
    await running.close()


async def test_sudo_and_root_are_root(way: Transport) -> None:
    assert (await way.run(["id", "-u"])).stdout == b"0\n"


async def test_commands_that_do_not_exist_or_are_killed(way: Transport) -> None:
    missing = await way.run(["no-such-command-here"])
    assert missing.code in (127, 1)  # sudo says 1
    assert b"not found" in missing.stderr or b"No such file" in missing.stderr
    assert (await way.run(["sh", "-c", "kill -9 $$"])).code in (-9, 137)


async def test_large_input_and_output(way: Transport) -> None:
    data = os.urandom(3_000_000)
    assert (await way.run(["cat"], stdin=data)).stdout == data
    with pytest.raises(Failed):
        await way.run(["head", "-c", "200000", "/dev/zero"], limit=100_000)
    assert (await way.run(["true"], stdin=data)).code == 0


async def test_timeout_ends_the_command(way: Transport) -> None:
    seconds = f"98{time.time_ns() % 10**7}"
    with pytest.raises(AnswerTimedOut):
        await way.run(["sleep", seconds], timeout=0.3)
    assert not await running(way, seconds)


async def test_cancelling_ends_the_command(way: Transport) -> None:
    seconds = f"97{time.time_ns() % 10**7}"
    task = asyncio.create_task(way.run(["sleep", seconds]))
    while not await running(way, seconds):
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not await running(way, seconds)


async def running(way: Transport, seconds: str) -> bool:
    return (await way.run(["pgrep", "-x", "-f", f"sleep {seconds}"])).code == 0


async def test_close_ends_a_process_that_ignores_sigterm(way: Transport) -> None:
    process = await way.spawn(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.2; done"])
    pid = (await process.read()).decode().strip()
    await process.close()
    await process.close()
    await asyncio.sleep(0.3)
    if way.target.sudo:
        # sudo cannot pass SIGKILL on: the loop ends when it is next written to, or at the end of the connection
        await way.run(["kill", "-9", pid])
    assert (await way.run(["kill", "-0", pid])).code != 0


async def test_spawn_streams_both_ways(way: Transport) -> None:
    process = await way.spawn(["cat"])
    for word in (b"one\n", b"two\n"):
        await process.write(word)
        assert await process.read() == word
    await process.write_eof()
    assert await process.read() == b""
    assert await process.wait() == 0
    await process.write(b"late")
    await process.close()


async def test_slow_reader_holds_the_process_back(way: Transport) -> None:
    process = await way.spawn(["sh", "-c", "yes | { head -c 50000000; echo all written >&2; }"])
    await process.read(1)
    await asyncio.sleep(0.7)
    assert await process.stderr() == b""
    size = 1
    while data := await process.read(1_000_000):
        size += len(data)
    assert size == 50_000_000
    assert await process.wait() == 0
    assert await process.stderr() == b"all written\n"
    await process.close()


async def test_slow_process_holds_the_writer_back(way: Transport) -> None:
    process = await way.spawn(["sleep", "30"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            for _ in range(500):
                await process.write(b"x" * 65536)
    await process.close()


async def test_stderr_never_blocks_and_keeps_the_newest(way: Transport) -> None:
    done = await way.run(["sh", "-c", "yes long | head -c 3000000 >&2; echo last >&2; echo out"])
    assert done.stdout == b"out\n"
    assert done.stderr.endswith(b"last\n")
    assert len(done.stderr) <= 65536


async def test_terminal(way: Transport) -> None:
    pty = Pty(columns=99, rows=33, env={"GREETING": "grüß"})
    process = await way.spawn(["sh", "-c", "stty size; echo $TERM $GREETING; read x; stty size; tty"], pty=pty)
    await until(process, r"33 99\s+xterm-256color grüß")
    process.resize(120, 40)
    await process.write(b"\n")
    await until(process, r"40 120\s+/dev/pts/")
    while await process.read():
        pass
    assert await process.wait() == 0
    await process.close()


async def test_terminal_without_a_command_is_a_shell_and_ends_on_close(way: Transport) -> None:
    process = await way.spawn([], pty=Pty())
    await process.write(b"echo pid=$$=\n")
    pid = (await until(process, r"pid=(\d+)="))[1]
    await process.close()
    assert (await way.run(["kill", "-0", pid])).code != 0


async def until(process: Process, pattern: str) -> re.Match[str]:
    text = ""
    async with asyncio.timeout(10):
        while not (found := re.search(pattern, text)):
            data = await process.read()
            assert data, f"ended after {text!r}"
            text += data.decode()
    return found


async def test_files(way: Transport) -> None:
    folder = f"/run/vigie-test-{time.time_ns()}"
    path = f"{folder}/deep/a file 'quoted' \n.conf"
    await way.write_file(path, b"first\0\xff", mode=0o600)
    assert await way.read_file(path) == b"first\0\xff"
    await way.write_file(path, b"", mode=0o644)
    assert await way.read_file(path) == b""
    assert await way.list_folder(f"{folder}/deep") == ["a file 'quoted' \n.conf"]
    assert (await way.run(["stat", "-c", "%a", "--", path])).stdout == b"644\n"
    with pytest.raises(Failed):
        await way.read_file("/proc/kallsyms", limit=1000)
    await way.remove_file(path)
    with pytest.raises(NotFound):
        await way.remove_file(path)
    with pytest.raises(NotFound):
        await way.read_file(path)
    assert await way.list_folder(f"{folder}/deep") == []
    assert await way.list_folder("/no/such/folder") == []
    with pytest.raises(InvalidInput):
        await way.read_file("etc/passwd")
    await way.run(["rm", "-r", "--", folder])


async def test_failed_write_leaves_the_old_file_and_no_other(way: Transport) -> None:
    folder = f"/run/vigie-test-{time.time_ns()}"
    await way.run(["mkdir", "-p", f"{folder}/target/inside"])
    with pytest.raises(Failed):
        await way.write_file(f"{folder}/target", b"cannot replace a folder")
    assert await way.list_folder(folder) == ["target"]
    await way.run(["rm", "-r", "--", folder])


@pytest.mark.parametrize("way", ["ssh", "sudo"], indirect=True)
async def test_as_another_login(way: Transport) -> None:
    assert (await way.run(["id", "-un"], as_user="alice")).stdout == b"alice\n"
    state = await way.run(["systemctl", "--user", "is-system-running"], as_user="alice")
    assert state.stdout == b"running\n"
    assert (await way.run(["id", "-u"], as_user="root")).stdout == b"0\n"
    with pytest.raises(NotFound):
        await way.run(["id"], as_user="nobody-like-this")
    with pytest.raises(InvalidInput):
        await way.run(["id"], as_user="-u")


async def hello(path: str) -> bytes:
    """The first words of D-Bus, as spoken to the socket at `path`."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"\0AUTH EXTERNAL\r\nDATA\r\n")
        async with asyncio.timeout(10):
            return await reader.readuntil(b"OK ") + await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("way", ["ssh", "sudo"], indirect=True)
@pytest.mark.parametrize(
    ("path", "login"), [("/run/dbus/system_bus_socket", ""), ("/run/user/1000/bus", "alice")]
)
async def test_buses(way: Transport, path: str, login: str) -> None:
    socket = await way.socket(path, as_user=login)
    assert await way.socket(path, as_user=login) == socket
    folder = Path(socket).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    answers = await asyncio.gather(hello(socket), hello(socket))
    assert all(b"OK " in answer for answer in answers)
    await way.close()
    assert not folder.exists()


@pytest.mark.parametrize("way", ["ssh", "sudo"], indirect=True)
@pytest.mark.parametrize(
    ("path", "login"), [("/run/podman/podman.sock", ""), ("/run/user/1000/podman/podman.sock", "alice")]
)
async def test_engines(way: Transport, path: str, login: str) -> None:
    reader, writer = await asyncio.open_unix_connection(await way.socket(path, as_user=login))
    writer.write(b"GET /v5.0.0/libpod/_ping HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.0 200")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("way", ["ssh", "sudo"], indirect=True)
async def test_socket_without_a_far_end_closes_at_once(way: Transport) -> None:
    reader, writer = await asyncio.open_unix_connection(await way.socket("/run/nowhere/bus"))
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("rounds", range(8))
@pytest.mark.parametrize("way", ["ssh", "sudo"], indirect=True)
async def test_a_socket_that_is_given_up_while_it_is_opened_does_not_listen(
    way: Transport, rounds: int
) -> None:
    """The leak check at the transport's end is the test; afterwards the same socket can be had."""
    opening = asyncio.create_task(way.socket("/run/dbus/system_bus_socket"))
    for _ in range(rounds):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    again = await way.socket("/run/dbus/system_bus_socket")
    assert again.startswith("/")


@pytest.mark.parametrize("way", ["sudo"], indirect=True)
async def test_sudo_reaches_no_unknown_socket(way: Transport) -> None:
    with pytest.raises(Unsupported):
        await way.socket("/run/anything.sock")
