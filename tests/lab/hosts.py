"""Lab hosts: real systemd, D-Bus, sshd, journald and Podman in one container each, started in a second or two.

    with Lab() as lab:
        web1, web2 = lab.start("web1", "web2")
        web1.shell("systemctl stop cron")

On every host: root, `alice` (uid 1000, lingers), `operator` (sudo without a password), `limited` (no sudo),
`sudoer` (sudo with the password lab-sudoer) and `newcomer` (password lab-newcomer, does not know the lab's key).
`/usr/share/lab/busybox.tar` is a container image for `podman import`.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab import image
from tests.lab.image import LabError, call

if TYPE_CHECKING:
    from hosts.transport.base import Target

READY_SECONDS = 60
SERVER = "repository"  # the host that serves OSTree's repository
# runc, not crun: crun refuses hybrid cgroups. systemd=false: start-host makes the cgroup tree itself, because all hosts
# share one hierarchy in Podman's own way. The limits: some machines cannot raise them. A volume of its own for
# containers: Podman inside gets the native overlay driver.
RUN = [
    *("podman", "--runtime", "runc", "run", "--detach", "--restart=always", "--privileged"),
    *("--cgroupns=private", "--systemd=false", "--stop-signal", "SIGRTMIN+3"),
    *("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--volume", "/var/lib/containers"),
]


def owner() -> str:
    """This process, told apart from a later one with the same number, and from one before a reboot."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> str:
    """boot:pid:start; "" when there is no such process."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{pid}:{started}"


def lives(label: str) -> bool:
    """Whether the owner in a container's label still runs. Hosts of the command line have no process, only a boot."""
    boot, _, rest = label.partition(":")
    if rest == "cli":
        return boot == owner().partition(":")[0]
    pid = rest.partition(":")[0]
    return pid.isdigit() and owner_of(int(pid)) == label


def cli_owner() -> str:
    return f"{owner().partition(':')[0]}:cli"


def sweep() -> list[str]:
    """Remove the hosts whose owner is gone: of runs that were killed, of earlier boots of this machine."""
    listed = json.loads(call(["podman", "ps", "--all", "--filter", "label=vigie-lab", "--format", "json"]))
    gone = [row["Names"][0] for row in listed or [] if not lives(row["Labels"].get("vigie-lab-owner", ""))]
    for name in gone:
        remove(name)
    return gone


def remove(container: str) -> None:
    """Also a frozen one, one that Podman only believes to run, and its volumes."""
    call(["podman", "unpause", container], check=False)
    for _ in range(3):
        call(["podman", "rm", "--force", "--volumes", "--time", "0", container], check=False)
        if not exists(container):
            remove_disk(container)
            return
        time.sleep(0.5)
    raise LabError(f"{container} cannot be removed")


def remove_disk(container: str) -> None:
    """Of an OSTree host: deployments are immutable."""
    disk = image.state() / f"disk-{container}"
    deployments = [str(path) for path in disk.glob("ostree/deploy/*/deploy/*")]
    if deployments:
        call(["chattr", "-f", "-i", *deployments], check=False)
    shutil.rmtree(disk, ignore_errors=True)


def exists(container: str) -> bool:
    return bool(call(["podman", "ps", "--all", "--quiet", "--filter", f"name=^{container}$"]).strip())


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host. `shell` goes around SSH, for arranging and asserting, and works while sshd is down."""

    name: str
    container: str
    address: str
    key_path: str
    host_key: str
    user: str = "root"
    port: int = 22

    def shell(self, command: str, *, check: bool = True, stdin: str = "", timeout: float = 60) -> str:
        """What `sh -c command` prints, as root. Raises LabError with stderr when it fails (unless check=False)."""
        argv = ["podman", "exec", *(["-i"] if stdin else []), self.container, "sh", "-c", command]
        return call(argv, stdin=stdin, timeout=timeout, check=check)

    def freeze(self) -> None:
        """As if the machine hung: it accepts TCP and never answers."""
        call(["podman", "pause", self.container])

    def thaw(self) -> None:
        call(["podman", "unpause", self.container], check=False)

    def restart_sshd(self) -> None:
        """Existing connections are lost, as when the machine's network goes."""
        self.stop_sshd()
        self.start_sshd()

    def stop_sshd(self) -> None:
        self.shell("systemctl stop ssh.service; pkill -KILL sshd || true")

    def start_sshd(self) -> None:
        self.shell("systemctl reset-failed ssh.service; systemctl start ssh.service")
        self.wait_ssh()

    def reboot(self) -> None:
        """Restart, and wait until it is up again. The address may have changed: use the answer of `lab.refresh`."""
        self.shell("systemctl --no-block reboot", check=False)

    def boot_id(self) -> str:
        return self.shell("cat /proc/sys/kernel/random/boot_id").strip()

    def target(self, *, id: int = 0, user: str = "", sudo: bool = False) -> Target:  # noqa: A002
        """How Vigie knows this host, its key already accepted."""
        from hosts.transport.base import Target

        return Target(
            id=id,
            name=self.name,
            address=self.address,
            port=self.port,
            user=user or self.user,
            sudo=sudo,
            host_key=self.host_key,
        )

    def busybox(self, *, user: str = "root") -> str:
        """The name of a container image that the host has."""
        podman = "podman" if user == "root" else f"runuser -u {user} -- podman"
        name = "localhost/busybox:lab"
        self.shell(
            f"cd /; {podman} image exists {name} || "
            f"{podman} import --quiet --change CMD=/bin/sh /usr/share/lab/busybox.tar {name}"
        )
        return name

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Until systemd has started everything and sshd answers. Raises LabError that names what failed."""
        deadline = time.monotonic() + timeout
        while not self._systemd_answers():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: systemd does not start\n{self._last_words()}")
            time.sleep(0.05)
        state = self.shell("systemctl is-system-running --wait", check=False, timeout=timeout).strip()
        if state != "running":
            failed = self.shell("systemctl --failed --no-legend; systemctl list-jobs", check=False)
            raise LabError(f"{self.name} is {state or 'silent'}: {failed}")
        self.wait_ssh(timeout)

    def _systemd_answers(self) -> bool:
        return bool(self.shell("[ -S /run/systemd/private ] && echo yes", check=False).strip())

    def _last_words(self) -> str:
        return call(["podman", "logs", "--tail", "20", self.container], check=False)

    def wait_ssh(self, timeout: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + timeout
        while not self.ssh_answers():
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: sshd does not answer at {self.address}")
            time.sleep(0.05)

    def ssh_answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


class Lab:
    """The hosts of one run. They start in parallel, are reused by name, and end with the run."""

    def __init__(self, run: str = "", *, owned_by: str = "") -> None:
        self.run = run or f"{os.getpid()}-{secrets.token_hex(2)}"
        self._owner = owned_by or owner()
        self._starting: dict[str, Future[LabHost]] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="lab")
        self._prepared: Future[str] | None = None
        self._closed = False
        if not owned_by:
            atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> str:
        tag = image.build()
        sweep()
        return tag

    def begin(self, *names: str) -> None:
        """Start these hosts in the background; `start` then waits less."""
        with self._lock:
            self._prepared = self._prepared or self._threads.submit(self._prepare)
            for name in names:
                if name not in self._starting:
                    self._starting[name] = self._threads.submit(self._up, name, self._prepared)

    def start(self, *names: str) -> list[LabHost]:
        """The hosts of these names, ready: running ones as they are, others fresh."""
        self.begin(*names)
        return [self._starting[name].result() for name in names]

    def container(self, name: str) -> str:
        return f"vigie-{self.run}-{name}"

    def _up(self, name: str, prepared: Future[str], extra: Sequence[str] = ()) -> LabHost:
        tag = prepared.result()
        container = self.container(name)
        if exists(container):
            remove(container)
        key = image.key()
        labels = ["--label", f"vigie-lab={self.run}", "--label", f"vigie-lab-owner={self._owner}"]
        starter = f"{image.RECIPE / 'start-host'}:/start-host:ro"
        environment = ["--env", f"LAB_KEY={key.with_suffix('.pub').read_text().strip()}"]
        argv = [*RUN, "--name", container, "--hostname", name, *labels, *environment, "--volume", starter]
        call([*argv, *extra, tag, "/start-host"])
        return found(name, container)

    def refresh(self, host: LabHost) -> LabHost:
        """The host after its reboot, ready, with the address it has now."""
        return replace(found(host.name, host.container), user=host.user)

    def reboot(self, host: LabHost) -> LabHost:
        """Restart a host and wait until it is back."""
        before = host.boot_id()
        host.reboot()
        deadline = time.monotonic() + READY_SECONDS
        while host.shell("cat /proc/sys/kernel/random/boot_id", check=False).strip() in ("", before):
            if time.monotonic() > deadline:
                raise LabError(f"{host.name} does not come back")
            time.sleep(0.1)
        return self.refresh(host)

    def boot_ostree(self, name: str) -> LabHost:
        """A host that runs version 1.0 from an OSTree deployment, with 2.0 to update to (see `tests.lab.ostree`)."""
        from tests.lab import ostree

        repo = ostree.repository()
        disk = ostree.disk(self.container(name))
        server = self.serve(repo)
        self.down(name)
        ostree.make_disk(disk, repo, server.address)
        prepared = self._threads.submit(self._prepare)
        with self._lock:
            future = self._threads.submit(self._up, name, prepared, ["--volume", f"{disk}:/disk"])
            self._starting[name] = future
        return future.result()

    def serve(self, repo: Path) -> LabHost:
        """The host that serves an OSTree repository over HTTP, on port 80."""
        container = self.container(SERVER)
        server = found(SERVER, container) if exists(container) else self.start(SERVER)[0]
        if not server.shell("pgrep -x httpd || pgrep -f '^busybox httpd'", check=False):
            call(["podman", "cp", f"{repo}/.", f"{server.container}:/srv/repo"], timeout=300)
            server.shell("busybox httpd -h /srv/repo -p 80")
        return server

    def down(self, name: str) -> None:
        with self._lock:
            future = self._starting.pop(name, None)
        if future:
            future.exception()  # not while it is being made
        remove(self.container(name))

    def close(self) -> None:
        """Remove every host of this run. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        rows = call(
            ["podman", "ps", "--all", "--filter", f"label=vigie-lab={self.run}", "--format", "{{.Names}}"]
        )
        with ThreadPoolExecutor(max_workers=4) as threads:
            list(threads.map(remove, rows.split()))
        atexit.unregister(self.close)


def found(name: str, container: str) -> LabHost:
    """A running host, when it is ready."""
    network = call(["podman", "inspect", container, "--format", "{{.NetworkSettings.IPAddress}}"]).strip()
    host = LabHost(name, container, network, str(image.key()), "")
    host.wait_ready()
    host_key = " ".join(host.shell("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    return replace(host, host_key=host_key)
