"""Adding a host as a new user does: its key, Vigie's key, the diagnosis; and the same from a shell."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from console.errors import Conflict, HostKeyChanged, HostKeyUnknown, KeyRejected
from console.models import AuditEntry, Operation, User
from console.snapshots import snapshots
from console.supervisor import supervisor
from hosts import diagnosis, fleet, watch
from hosts.connections import connections
from hosts.management.commands import hosts as command
from hosts.models import Host
from hosts.transport.keys import fingerprint
from hosts.transport.pool import Pool, opener
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]
PASSWORD = "lab-newcomer"


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="admin")


@pytest.fixture
async def served(tmp_path, monkeypatch):
    """The service that watches hosts, with a key of Vigie's own that no host knows yet."""
    key = tmp_path / "ssh" / "id_ed25519"
    for module in (fleet, command):
        monkeypatch.setattr(module, "KEY_PATH", key)
    fleet.public_line()
    connections.pool = Pool(opener(key))
    supervisor.keep("hosts", watch.keep_hosts)
    yield
    known = connections.pool.ids()
    await supervisor.stop()
    for host_id in known:
        await connections.forget(host_id)
        snapshots.drop(host_id)


def error_of(host):
    link = watch.link_of(host.pk)
    return link.error if link else None


async def test_from_an_address_to_a_host_that_is_online(web1, actor, served):
    host = Host(name="new", address=web1.address, user="newcomer")
    await fleet.add(host, actor=actor)
    shown = await until(lambda: isinstance(error_of(host), HostKeyUnknown) and error_of(host))
    assert shown.facts["fingerprint"] == fingerprint(web1.host_key)
    with pytest.raises(Conflict):
        await fleet.accept_key(host, "SHA256:another", actor=actor)
    await fleet.accept_key(host, shown.facts["fingerprint"], actor=actor)
    await until(lambda: isinstance(error_of(host), KeyRejected))
    wrong = await fleet.authorise_with_password(host, "wrong", actor=actor)
    assert (wrong.state, wrong.error_code) == ("failed", "key-rejected")
    try:
        right = await fleet.authorise_with_password(host, PASSWORD, actor=actor)
        assert right.state == "succeeded"
        await until(lambda: watch.link_of(host.pk).state == "online")
    finally:
        web1.shell("rm -f /home/newcomer/.ssh/authorized_keys")
    records = [str(vars(row)) async for row in Operation.objects.all()]
    records += [str(vars(row)) async for row in AuditEntry.objects.all()]
    assert not [record for record in records if PASSWORD in record]


async def test_a_changed_key_blocks_and_cannot_be_accepted(web1, web2, actor, served):
    host = await Host.objects.acreate(name="changed", address=web1.address, host_key=web2.host_key)
    watch.add(host)
    error = await until(lambda: isinstance(error_of(host), HostKeyChanged) and error_of(host))
    assert error.facts["old_fingerprint"] == fingerprint(web2.host_key)
    assert error.facts["new_fingerprint"] == fingerprint(web1.host_key)
    with pytest.raises(Conflict):
        await fleet.accept_key(host, error.facts["new_fingerprint"], actor=actor)
    await sync_to_async(call_command)("hosts", "forget-key", "changed")
    await until(lambda: isinstance(error_of(host), HostKeyUnknown))


async def test_the_server_sees_what_a_shell_adds_and_removes(web1, served):
    await sync_to_async(call_command)(
        "hosts", "add", "shelled", web1.address, "--user", "newcomer", "--group", "web"
    )
    host = await Host.objects.aget(name="shelled")
    await until(lambda: isinstance(error_of(host), HostKeyUnknown))
    await sync_to_async(call_command)("hosts", "remove", "shelled")
    await until(lambda: watch.link_of(host.pk) is None)


async def steps(host, **login):
    transport = await opener(Path(host.key_path))(replace(host.target(**login), id=1))
    try:
        return {finding.step: finding async for finding in diagnosis.diagnose(transport)}
    finally:
        await transport.close()


async def test_each_lack_has_its_own_diagnosis(web1):
    found = await steps(web1)
    assert all(finding.ok for finding in found.values()), found
    limited = await steps(web1, user="limited")
    assert not limited["Rights"].ok
    assert "polkit" in limited["Rights"].remedy
    assert not limited["Journal"].ok
    assert "systemd-journal" in limited["Journal"].remedy


async def test_no_engine_and_no_bus_are_told_apart(own_host):
    own_host.shell("systemctl stop podman.socket podman.service; rm -f /run/podman/podman.sock")
    assert (await steps(own_host))["Podman"].remedy.endswith("systemctl enable --now podman.socket")


async def test_hosts_test_prints_what_it_found(web1, capsys, monkeypatch):
    monkeypatch.setattr(command, "KEY_PATH", Path(web1.key_path))
    async with watching(web1) as host:
        await asyncio.to_thread(call_command, "hosts", "test", host.name)
    assert "ok       Rights: May manage units" in capsys.readouterr().out


def test_import_adds_what_is_valid_and_says_what_is_not(tmp_path, capsys):
    file = tmp_path / "inventory"
    file.write_text("[web]\nweb1 ansible_host=192.0.2.1\nbad ansible_host=-oProxyCommand=x\n")
    call_command("hosts", "import", str(file))
    said = capsys.readouterr()
    assert "web1: added (root@192.0.2.1)" in said.out
    assert "'bad'" in said.err
    call_command("hosts", "list", "--json")
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["web1"]


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "a b", "user@host", "a;b", "", "x" * 300, "$(id)"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(CommandError, match="address"):
        call_command("hosts", "add", "name", "--", address)
    assert not Host.objects.exists()
