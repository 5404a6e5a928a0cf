"""Which mounts are disks, and how full they are: /proc/self/mountinfo and df's output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .sample import Filesystem

MAX_FILESYSTEMS = 64

# File systems that hold data of this host. Not the network's: asking a dead NFS server how full it is hangs.
DISKS = frozenset(
    {
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "f2fs",
        "zfs",
        "bcachefs",
        "jfs",
        "reiserfs",
        "nilfs2",
        "ocfs2",
        "gfs2",
    }
    | {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfsplus", "ubifs", "jffs2", "virtiofs"}
)
# Their read-only roots are images (composefs, live media): always "full", and nothing to worry about.
IMAGES = frozenset({"overlay", "erofs", "squashfs", "iso9660", "udf", "cramfs", "tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class Mount:
    device: str  # major:minor, the same for all mounts of one file system
    root: str  # the folder of the file system that is mounted
    point: str
    kind: str
    source: str
    read_only: bool  # the file system itself, not only this mount of it


def unescape(text: str) -> str:
    """The kernel writes blank, tab, newline, # and backslash in mount tables as \\ooo."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda found: chr(int(found[1], 8)), text)


def parse_mount(line: str) -> Mount | None:
    """One line of mountinfo (proc_pid_mountinfo(5)); None when it is none."""
    left, dash, right = line.partition(" - ")
    fields, tail = left.split(" "), right.split(" ")
    if not dash or len(fields) < 6 or len(tail) < 2:
        return None
    options = tail[2].split(",") if len(tail) > 2 else []
    return Mount(
        device=fields[2],
        root=unescape(fields[3]),
        point=unescape(fields[4]),
        kind=tail[0],
        source=unescape(tail[1]),
        read_only="ro" in options,
    )


def parse_mountinfo(text: str) -> list[Mount]:
    return [mount for line in text.split("\n") if (mount := parse_mount(line))]


def is_disk(mount: Mount) -> bool:
    """A file system with the host's data, mounted as a whole or as the host's root.

    btrfs mounts subvolumes, so there a mounted folder is no sign of a bind mount.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in mount.point):
        return False
    if mount.point == "/":
        return not (mount.read_only and mount.kind in IMAGES)
    return mount.kind in DISKS and (mount.root == "/" or mount.kind == "btrfs")


def disks(mounts: Iterable[Mount]) -> list[Mount]:
    """One mount a file system: the host's root, else the shortest path. Of mounts over each other the last counts."""
    visible = {mount.point: mount for mount in mounts}
    chosen: dict[str, Mount] = {}
    for mount in sorted(filter(is_disk, visible.values()), key=lambda mount: (len(mount.point), mount.point)):
        chosen.setdefault(mount.device, mount)
    return sorted(chosen.values(), key=lambda mount: mount.point)[:MAX_FILESYSTEMS]


_DF_LINE = re.compile(r"\s(\d{1,20})\s+(\d{1,20})\s+(-?\d{1,20})\s+(?:\d+%|-)\s+(/.*)$")


def parse_df(text: str, mounts: Sequence[Mount]) -> tuple[Filesystem, ...]:
    """`df -P -k` of these mount points, in their order. A mount that df could not read is left out.

    Busybox may name another mount of the same file system, so the order decides unless lines are missing.
    """
    found = [match for line in text.split("\n") if (match := _DF_LINE.search(line))]
    if len(found) == len(mounts):
        pairs = list(zip(mounts, found, strict=True))
    else:
        by_point = {match[4]: match for match in found}
        pairs = [(mount, by_point[mount.point]) for mount in mounts if mount.point in by_point]
    return tuple(
        filesystem(mount, int(match[1]) * 1024, int(match[2]) * 1024, max(0, int(match[3])) * 1024)
        for mount, match in pairs
    )


def filesystem(mount: Mount, total: int, used: int, available: int) -> Filesystem:
    return Filesystem(
        mount_point=mount.point,
        kind=mount.kind,
        source=mount.source,
        total=total,
        used=used,
        available=available,
        read_only=mount.read_only,
    )
