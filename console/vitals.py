"""How this console itself is doing."""

from __future__ import annotations

import platform
import resource
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import django
from django.conf import settings

from console.streams import open_streams
from console.supervisor import supervisor


@dataclass(frozen=True, slots=True)
class Vitals:
    """Sizes in bytes, `uptime` in seconds. None: not known here (another database, another system)."""

    version: str
    python: str
    django: str
    uptime: float | None
    memory: int | None
    peak_memory: int
    database: str
    database_size: int | None
    streams: int


def read() -> Vitals:
    database = settings.DATABASES["default"]
    return Vitals(
        version=_version(),
        python=platform.python_version(),
        django=django.get_version(),
        uptime=time.time() - supervisor.started if supervisor.started else None,
        memory=_memory(),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        database=database["ENGINE"].rsplit(".", 1)[-1],
        database_size=_size(Path(str(database["NAME"]))),
        streams=len(open_streams),
    )


def _version() -> str:
    try:
        return version("vigie")
    except PackageNotFoundError:  # run from a checkout
        return "from a checkout"


def _memory() -> int | None:
    """Resident: the second field of /proc/self/statm, in pages."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        return None


def _size(path: Path) -> int | None:
    """A SQLite file with its log of writes."""
    parts = [part for part in (path, path.with_name(f"{path.name}-wal")) if part.is_file()]
    return sum(part.stat().st_size for part in parts) if parts else None
