"""The lab keeps its promises."""

import os

import pytest

from tests.lab import hosts
from tests.lab.hosts import Lab, LabHost

pytestmark = pytest.mark.lab


def test_host_is_a_real_one(web1: LabHost) -> None:
    assert web1.shell("hostname").strip() == "web1"
    assert web1.shell("cat /proc/1/comm").strip() == "systemd"
    assert web1.ssh_answers()
    assert web1.target(user="alice").host_key.startswith("ssh-ed25519 ")


def test_hosts_differ(web1: LabHost, web2: LabHost) -> None:
    for what in (
        "cat /etc/machine-id",
        "cat /proc/sys/kernel/random/boot_id",
        "cat /etc/ssh/ssh_host_ed25519_key.pub",
    ):
        assert web1.shell(what) != web2.shell(what)


def test_containers_run_without_a_registry(web1: LabHost) -> None:
    for user in ("root", "alice"):
        name = web1.busybox(user=user)
        podman = "podman" if user == "root" else f"runuser -u {user} -- podman"
        assert web1.shell(f"cd /; {podman} run --rm {name} echo hello").strip() == "hello"


def test_reboot_freeze_and_sshd(lab: Lab, own_host: LabHost) -> None:
    before = own_host.boot_id()
    own_host.shell("hostnamectl set-hostname renamed")
    own_host = lab.reboot(own_host)
    assert own_host.boot_id() != before
    assert own_host.shell("hostname").strip() == "renamed"
    own_host.freeze()
    assert not own_host.ssh_answers()
    own_host.thaw()
    own_host.restart_sshd()
    assert own_host.ssh_answers()


def test_sweep_takes_the_hosts_of_dead_runs_only(lab: Lab, web1: LabHost) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    dead = hosts.owner_of(child) or hosts.owner_of(os.getpid()).replace(f":{os.getpid()}:", f":{child}:")
    os.waitpid(child, 0)
    orphaned = Lab("dead", owned_by=dead)
    orphaned.start("web9")
    swept = hosts.sweep()
    assert orphaned.container("web9") in swept
    assert lab.container("web1") not in swept
    assert web1.ssh_answers()


@pytest.mark.timeout(400)  # the repository is made at the first use
def test_ostree_host_updates_by_a_reboot(lab: Lab) -> None:
    host = lab.boot_ostree("node1")
    assert host.shell("cat /usr/lib/lab-version").strip() == "1.0"
    host.shell("ostree admin upgrade", timeout=120)
    host = lab.reboot(host)
    assert host.shell("cat /usr/lib/lab-version; lab-tool").split("\n")[:2] == ["2.0", "new in 2.0"]
    assert host.shell("ostree admin status").count("Version:") == 2
    assert host.ssh_answers()
    assert host.busybox(user="alice")
    lab.down("node1")
