"""Files by the host's own coreutils, so that they work the same here, over SSH, under sudo and without an SFTP server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from console.errors import ConsoleError, Failed, InvalidInput, NotAuthorised, NotFound
from hosts.transport.base import Completed

# What the C library says, in the C locale, and what it means.
REASONS: tuple[tuple[str, type[ConsoleError]], ...] = (
    ("No such file or directory", NotFound),
    ("Not a directory", NotFound),
    ("Permission denied", NotAuthorised),
    ("Operation not permitted", NotAuthorised),
    ("Read-only file system", NotAuthorised),
)


def checked_path(path: str) -> str:
    """Absolute, no NUL. Raises InvalidInput."""
    if not path.startswith("/") or "\0" in path or len(path) > 4096:
        raise InvalidInput("a path must be absolute")
    return path


def explain(answer: Completed) -> ConsoleError:
    said = answer.stderr.decode(errors="replace").strip()[:500]
    for text, kind in REASONS:
        if text in said:
            return kind(said)
    return Failed(said)


class Files:
    """The file verbs of a transport, on top of its `run`."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        limit: int = 4 * 1024 * 1024,
        as_user: str = "",
    ) -> Completed:
        raise NotImplementedError

    async def _coreutil(self, *argv: str, stdin: bytes = b"", limit: int = 65536) -> bytes:
        answer = await self.run(["env", "LC_ALL=C", *argv], stdin=stdin, limit=limit)
        if answer.code:
            raise explain(answer)
        return answer.stdout

    async def read_file(self, path: str, *, limit: int = 1024 * 1024) -> bytes:
        data = await self._coreutil("head", "-c", str(limit + 1), "--", checked_path(path), limit=limit + 1)
        if len(data) > limit:
            raise Failed(f"{path} is longer than {limit} bytes")
        return data

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        temporary = await self._temporary(str(PurePosixPath(checked_path(path)).parent))
        try:
            await self._coreutil("dd", f"of={temporary}", "bs=64K", "conv=fsync", "status=none", stdin=data)
            await self._coreutil("chmod", f"{mode:o}", "--", temporary)
            await self._coreutil("mv", "-fT", "--", temporary, path)
        except ConsoleError:
            await self.run(["rm", "-f", "--", temporary])
            raise

    async def _temporary(self, folder: str) -> str:
        """A new empty file in `folder`, which is made when it is missing."""
        make = ("mktemp", "--", f"{folder.rstrip('/')}/.vigie.XXXXXXXXXX")
        try:
            made = await self._coreutil(*make)
        except NotFound:
            await self._coreutil("mkdir", "-p", "--", folder)
            made = await self._coreutil(*make)
        return made.decode(errors="surrogateescape").removesuffix("\n")

    async def remove_file(self, path: str) -> None:
        await self._coreutil("rm", "--", checked_path(path))

    async def list_folder(self, path: str) -> list[str]:
        folder = checked_path(path).rstrip("/") + "/"
        one_level = ("-mindepth", "1", "-maxdepth", "1", "-printf", r"%f\0")
        try:
            listed = await self._coreutil("find", folder, *one_level, limit=4 * 1024 * 1024)
        except NotFound:
            return []
        return sorted(listed.decode(errors="surrogateescape").split("\0")[:-1])
