"""The lab host's image: Debian with systemd, sshd, Podman and OSTree, made by mmdebstrap from `recipe/`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

RECIPE = Path(__file__).parent / "recipe"
SUITE = "trixie"
# Commands the lab needs on this machine, and the Debian package that has each.
NEEDS = {
    "mmdebstrap": "mmdebstrap",
    "podman": "podman",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",  # netavark's way on Debian 12; on 13 it is nft
    "ostree": "ostree",
    "ssh-keygen": "openssh-client",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}


class LabError(Exception):
    """The lab could not do what a test asked of it."""


def state() -> Path:
    """Where keys, the image's tar and disks are kept between runs."""
    path = Path(os.environ.get("VIGIE_LAB_STATE") or "/var/tmp/vigie-lab")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def call(argv: Sequence[str], *, stdin: str = "", timeout: float = 60, check: bool = True) -> str:
    """Run a command of this machine and give its stdout; LabError with its stderr when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time: builds and disks are shared between runs."""
    with (state() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def recipe_hash() -> str:
    """Of all that goes into the image: a changed recipe has a new tag, and is built. start-host is mounted."""
    digest = hashlib.sha256()
    for name in ("packages", "customise"):
        digest.update((RECIPE / name).read_bytes())
    return digest.hexdigest()[:12]


def tag() -> str:
    return f"localhost/vigie-lab-host:{recipe_hash()}"


def tar() -> Path:
    return state() / f"host-{recipe_hash()}.tar"


def key() -> Path:
    """The key that signs in on every lab host."""
    path = state() / "id_ed25519"
    with locked("key"):
        if not path.exists():
            call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vigie-lab", "-f", str(path)])
    return path


def install_needs() -> None:
    missing = sorted(package for command, package in NEEDS.items() if not shutil.which(command))
    if not missing:
        return
    if os.geteuid():
        raise LabError(f"the lab needs root, and these Debian packages: {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment, stdout=subprocess.DEVNULL)
    argv = ["apt-get", "install", "-qy", "--no-install-recommends", *missing]
    subprocess.run(argv, check=True, env=environment, stdout=subprocess.DEVNULL)


def exists() -> bool:
    return subprocess.run(["podman", "image", "exists", tag()], check=False).returncode == 0


def build() -> str:
    """Make the image where it is missing (about a minute, once a recipe), and give its tag."""
    install_needs()
    with locked("build"):
        if not exists():
            if not tar().exists():
                bootstrap(tar())
            call(["podman", "import", "-q", str(tar()), tag()], timeout=300)
    return tag()


def bootstrap(target: Path) -> None:
    packages = ",".join((RECIPE / "packages").read_text().split())
    unfinished = target.with_suffix(".part.tar")
    hook = f"--customize-hook={RECIPE / 'customise'}"
    argv = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={packages}",
        hook,
        SUITE,
        str(unfinished),
    ]
    call(argv, timeout=900)
    unfinished.rename(target)


def forget() -> None:
    """Remove the images and tars of this and earlier recipes; an image that a host still uses is kept by Podman."""
    for old in state().glob("host-*.tar"):
        old.unlink()
    for repository in state().glob("repo-*"):
        shutil.rmtree(repository)
    for image in call(["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"]).split():
        if image.startswith("localhost/vigie-lab-host:"):
            call(["podman", "rmi", image], check=False)
