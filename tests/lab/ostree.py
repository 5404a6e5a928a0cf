"""Hosts that are booted from an OSTree deployment: version 1.0, with 2.0 to update to, served over HTTP by another host."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.lab import image
from tests.lab.image import call, locked, state

BRANCH = "lab/stable"
EMPTIED = ("dev", "var", "home", "root", "opt", "srv", "mnt", "media", "boot", "tmp", "run", "usr/local")
FOLDERS = ("var", "boot", "run", "proc", "sys", "dev", "sysroot", "tmp", "usr/share/lab/home")
LINKS = {
    "home": "var/home",
    "root": "var/roothome",
    "opt": "var/opt",
    "srv": "var/srv",
    "mnt": "var/mnt",
    "ostree": "sysroot/ostree",
    "usr/local": "../var/usrlocal",
}
# /var belongs to the host and starts empty: what the system needs there is made at each boot.
TMPFILES = """\
d /var/home 0755 root root -
d /var/roothome 0700 root root -
d /var/opt 0755 root root -
d /var/srv 0755 root root -
d /var/mnt 0755 root root -
d /var/usrlocal 0755 root root -
d /var/log/journal 2755 root systemd-journal -
d /var/lib/containers/users 0755 root root -
d /var/lib/systemd/linger 0755 root root -
f /var/lib/systemd/linger/alice 0644 root root -
"""
TOOL = "#!/bin/sh\necho new in 2.0\n"


def repository() -> Path:
    """An archive repository with versions 1.0 and 2.0 of the host's system; made once a recipe (about 40 s)."""
    image.build()
    here = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    path = state() / f"repo-{image.recipe_hash()}-{here}"
    with locked("repository"):
        if not (path / "summary").exists():
            shutil.rmtree(path, ignore_errors=True)
            tree = unpacked()
            arrange(tree)
            commit(path, tree)
            shutil.rmtree(tree)
    return path


def unpacked() -> Path:
    """The image's files."""
    tree = state() / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    call(["tar", "-C", str(tree), "-xf", str(image.tar()), "--exclude=./dev/*"], timeout=300)
    return tree


def arrange(tree: Path) -> None:
    """Make of a plain system one that OSTree can deploy: /etc to /usr/etc, the host's own folders to /var."""
    (tree / "etc").rename(tree / "usr/etc")
    people = [line.split(":") for line in (tree / "usr/etc/passwd").read_text().splitlines()]
    homes = [
        f"d /var/home/{row[0]} 0700 {row[0]} {row[3]} -\n" for row in people if row[5].startswith("/home/")
    ]
    stores = [
        f"d /var/lib/containers/users/{row[0]} 0700 {row[0]} root -\n" for row in people if "/home/" in row[5]
    ]
    for name in EMPTIED:
        remove(tree / name)
    for name in FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, leads_to in LINKS.items():
        (tree / name).symlink_to(leads_to)
    (tree / "usr/lib/tmpfiles.d/lab-ostree.conf").write_text(TMPFILES + "".join(homes + stores))
    kernel = tree / "usr/lib/modules/6.12.0-lab"
    kernel.mkdir(parents=True)
    (kernel / "vmlinuz").write_text("kernel")
    (kernel / "initramfs.img").write_text("initramfs")


def remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def commit(repo: Path, tree: Path) -> None:
    call(["ostree", f"--repo={repo}", "init", "--mode=archive"])
    for version in ("1.0", "2.0"):
        (tree / "usr/lib/lab-version").write_text(version + "\n")
        if version == "2.0":
            (tree / "usr/bin/lab-tool").write_text(TOOL)
            (tree / "usr/bin/lab-tool").chmod(0o755)
        about = (f"--add-metadata-string=version={version}", "-s", f"version {version}")
        call(["ostree", f"--repo={repo}", "commit", "-b", BRANCH, f"--tree=dir={tree}", *about], timeout=300)
    call(["ostree", f"--repo={repo}", "summary", "-u"])


def disk(container: str) -> Path:
    return state() / f"disk-{container}"


def make_disk(path: Path, repo: Path, server: str) -> None:
    """A disk with version 1.0 deployed, whose updates come from `server`."""
    own = f"--repo={path / 'ostree/repo'}"
    first = call(["ostree", f"--repo={repo}", "rev-parse", f"{BRANCH}^"]).strip()
    path.mkdir(parents=True)
    call(["ostree", "admin", "init-fs", str(path)])
    call(["ostree", "admin", f"--sysroot={path}", "os-init", "lab"])
    call(["ostree", own, "config", "set", "sysroot.bootloader", "none"])
    call(["ostree", own, "remote", "add", "--no-gpg-verify", "lab", f"file://{repo}", BRANCH])
    call(["ostree", own, "pull", "lab", f"{BRANCH}@{first}"], timeout=300)
    deploy = ["ostree", "admin", f"--sysroot={path}", "deploy", "--os=lab", "--karg=root=LABEL=lab"]
    call([*deploy, f"lab:{BRANCH}"], timeout=300)
    call(["ostree", own, "remote", "delete", "lab"])
    call(["ostree", own, "remote", "add", "--no-gpg-verify", "lab", f"http://{server}", BRANCH])
