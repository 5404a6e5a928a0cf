"""Engines of lab hosts, reached as Vigie reaches them: by a local socket that leads there over SSH."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.hosts import LabHost

SYSTEM_SOCKET = "/run/podman/podman.sock"
ALICES_SOCKET = "/run/user/1000/podman/podman.sock"


@contextmanager
def forwarded(host: LabHost, path: str, folder: Path) -> Iterator[str]:
    """A local socket that leads to the host's `path`."""
    local = folder / f"{host.name}{path.replace('/', '-')}"
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"{host.address} {host.host_key}\n")
    options = [
        f"UserKnownHostsFile={known_hosts}",
        "ExitOnForwardFailure=yes",
        "BatchMode=yes",
        "LogLevel=ERROR",
    ]
    argv = ["ssh", "-F", "none", "-N", "-i", host.key_path, "-L", f"{local}:{path}"]
    argv += [word for option in options for word in ("-o", option)]
    ssh = subprocess.Popen([*argv, f"root@{host.address}"])
    try:
        wait_for(local, ssh)
        yield str(local)
    finally:
        ssh.terminate()
        ssh.wait()
        local.unlink(missing_ok=True)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert process.poll() is None, "ssh ended"
        assert time.monotonic() < deadline, "ssh does not forward"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def system_socket(web1: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with forwarded(web1, SYSTEM_SOCKET, tmp_path_factory.mktemp("podman")) as path:
        yield path


@pytest.fixture(scope="session")
def alices_socket(web1: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with forwarded(web1, ALICES_SOCKET, tmp_path_factory.mktemp("alice")) as path:
        yield path
