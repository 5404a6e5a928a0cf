"""What is particular to SSH: signing in, keys, lost connections, many streams."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import (
    Busy,
    ConnectionRefused,
    ConnectionTimedOut,
    ConsoleError,
    Disconnected,
    Failed,
    HostKeyChanged,
    HostKeyUnknown,
    InvalidInput,
    KeyRejected,
    NameNotResolved,
    NotAuthorised,
    SudoNeedsPassword,
    Unreachable,
)
from hosts.transport import keys
from hosts.transport.base import Target
from hosts.transport.ssh import SshTransport, install_key
from tests.fakes.ssh import closed_port, server
from tests.hosts.transports import way_to
from tests.lab.hosts import LabHost

HERE = Target(id=1, name="here", address="127.0.0.1", user="root")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    keys.ensure_key(tmp_path / "ssh" / "id_ed25519")
    return tmp_path / "ssh" / "id_ed25519"


async def refusal(target: Target, key: Path) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        await SshTransport.connect(target, key)
    return caught.value


# --- keys --------------------------------------------------------------------------------------------------------


def test_own_key_is_made_once_and_is_private(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    line = keys.ensure_key(key)
    assert line.split()[0] == "ssh-ed25519"
    assert line.split()[2] == "vigie"
    assert keys.public_line(key) == line
    assert keys.fingerprint(line).startswith("SHA256:")


def test_unreadable_keys(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("not a key")
    for path in ("bad", "missing"):
        with pytest.raises(Failed):
            keys.public_line(tmp_path / path)
    for line in ("", "ssh-ed25519", "ssh-ed25519 AAAA", "no key at all"):
        with pytest.raises(InvalidInput):
            keys.fingerprint(line)


# --- signing in, without a host ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["-oProxyCommand=x", "a b", "", "x" * 300, "a\nb", "$(id)", "no-such-host.invalid", "..", "a..b"]
)
async def test_addresses_that_lead_nowhere(address: str, key: Path) -> None:
    assert isinstance(await refusal(replace(HERE, address=address), key), NameNotResolved)


async def test_nobody_listens(key: Path) -> None:
    assert isinstance(await refusal(replace(HERE, port=await closed_port()), key), ConnectionRefused)


async def test_silent_server_times_out(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CONNECT_SECONDS", 0.2)
    async with server(None) as port:
        assert isinstance(await refusal(replace(HERE, port=port), key), ConnectionTimedOut)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.0-old\r\n", b"SSH-2.0-x\r\n\0\xff" * 99]
)
async def test_server_that_is_no_sshd(answer: bytes, key: Path) -> None:
    async with server(answer) as port:
        error = await refusal(replace(HERE, port=port), key)
    assert type(error) in (ConnectionRefused, Unreachable)


async def test_own_key_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("not a key")
    assert isinstance(await refusal(HERE, tmp_path / "bad"), Failed)


# --- signing in to a real host -----------------------------------------------------------------------------------


@pytest.mark.lab
async def test_unknown_and_changed_host_key(web1: LabHost, web2: LabHost) -> None:
    key = Path(web1.key_path)
    unknown = await refusal(replace(web1.target(), host_key=""), key)
    assert isinstance(unknown, HostKeyUnknown)
    assert unknown.facts["host_key"] == web1.host_key
    assert unknown.facts["fingerprint"] == keys.fingerprint(web1.host_key)
    changed = await refusal(replace(web1.target(), host_key=web2.host_key), key)
    assert isinstance(changed, HostKeyChanged)
    assert changed.facts["old_fingerprint"] == keys.fingerprint(web2.host_key)
    assert changed.facts["new_fingerprint"] == keys.fingerprint(web1.host_key)


@pytest.mark.lab
async def test_key_that_the_host_does_not_know(web1: LabHost, key: Path) -> None:
    assert isinstance(await refusal(web1.target(), key), KeyRejected)
    assert isinstance(await refusal(web1.target(user="no-such-user"), Path(web1.key_path)), KeyRejected)


@pytest.mark.lab
@pytest.mark.parametrize("user", ["sudoer", "limited"])
async def test_sudo_that_asks_for_a_password(web1: LabHost, user: str) -> None:
    assert isinstance(await refusal(web1.target(user=user, sudo=True), Path(web1.key_path)), SudoNeedsPassword)


@pytest.mark.lab
async def test_plain_user_may_not_read_roots_files(web1: LabHost) -> None:
    transport = await SshTransport.connect(web1.target(user="limited"), Path(web1.key_path))
    with pytest.raises(NotAuthorised):
        await transport.read_file("/etc/shadow")
    with pytest.raises(NotAuthorised):
        await transport.write_file("/etc/vigie-test", b"")
    await transport.close()


@pytest.mark.lab
async def test_key_is_installed_with_a_password_once(web1: LabHost, key: Path) -> None:
    target = web1.target(user="newcomer")
    with pytest.raises(KeyRejected):
        await install_key(target, "wrong", keys.public_line(key))
    try:
        for _ in range(2):
            await install_key(target, "lab-newcomer", keys.public_line(key))
        transport = await SshTransport.connect(target, key)
        lines = (await transport.read_file("/home/newcomer/.ssh/authorized_keys")).decode().splitlines()
        assert lines == [keys.public_line(key)]
        modes = (await transport.run(["stat", "-c", "%a", ".ssh", ".ssh/authorized_keys"])).stdout
        assert modes == b"700\n600\n"
        await transport.close()
    finally:
        web1.shell("rm -rf /home/newcomer/.ssh")


@pytest.mark.lab
async def test_password_goes_to_no_unknown_host(web1: LabHost, key: Path) -> None:
    with pytest.raises(HostKeyUnknown):
        await install_key(
            replace(web1.target(user="newcomer"), host_key=""), "lab-newcomer", keys.public_line(key)
        )


# --- a connection's life -----------------------------------------------------------------------------------------


@pytest.mark.lab
async def test_connection_lost_in_the_middle(own_host: LabHost) -> None:
    async with way_to("ssh", own_host) as transport:
        socket = await transport.socket("/run/dbus/system_bus_socket")
        reader, writer = await asyncio.open_unix_connection(socket)
        process = await transport.spawn(["cat"])
        running = asyncio.create_task(transport.run(["sleep", "60"]))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own_host.stop_sshd)
        async with asyncio.timeout(5):
            await transport.wait_closed()
            with pytest.raises(Disconnected):
                await running
            with pytest.raises(Disconnected):
                await process.read()
            with pytest.raises(Disconnected):
                await process.wait()
            assert await reader.read() == b""
        writer.close()
        for again in (
            transport.run(["true"]),
            transport.spawn(["true"]),
            transport.socket("/x"),
            transport.probe(),
        ):
            with pytest.raises(Disconnected):
                await again


@pytest.mark.lab
async def test_leaving_a_frozen_host_takes_no_long(own_host: LabHost) -> None:
    async with way_to("ssh", own_host) as transport:
        await transport.spawn(["cat"])
        await asyncio.to_thread(own_host.freeze)
        async with asyncio.timeout(30):
            with pytest.raises(Unreachable):
                await transport.run(["true"], timeout=0.5)
            await transport.close()


@pytest.mark.lab
async def test_many_streams_leave_room_for_commands_and_end_somewhere(web1: LabHost) -> None:
    async with way_to("ssh", web1) as transport:
        streams = []
        with pytest.raises(Busy):
            for _ in range(100):
                streams.append(await transport.spawn(["cat"]))
        assert len(streams) == 28
        answers = await asyncio.gather(*(transport.run(["echo", str(n)]) for n in range(20)))
        assert [int(answer.stdout) for answer in answers] == list(range(20))
        for stream in streams:
            await stream.write(b"x")
            assert await stream.read() == b"x"
        await streams.pop().close()
        streams.append(await transport.spawn(["cat"]))
        await asyncio.gather(*(stream.close() for stream in streams))


@pytest.mark.lab
async def test_sshd_that_allows_few_sessions(own_host: LabHost) -> None:
    own_host.shell("echo MaxSessions 2 > /etc/ssh/sshd_config.d/few.conf; systemctl reload ssh")
    async with way_to("ssh", own_host) as transport:
        streams = [await transport.spawn(["cat"]) for _ in range(3)]
        assert (await transport.run(["echo", "room"])).stdout == b"room\n"
        for stream in streams:
            await stream.write(b"x")
            assert await stream.read() == b"x"


@pytest.mark.lab
async def test_probe_starts_nothing(web1: LabHost) -> None:
    async with way_to("ssh", web1) as transport:
        before = web1.shell("ps -e --no-headers -o pid,args | grep -v 'ps -e'")
        for _ in range(20):
            await transport.probe()
        assert web1.shell("ps -e --no-headers -o pid,args | grep -v 'ps -e'").count("sshd") == before.count(
            "sshd"
        )
