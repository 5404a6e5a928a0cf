"""What `up` sees to before it serves: collected static files, the first admin, and what apps add to a new installation."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from console import signin
from console.models import User

STEPS: list[Callable[[], str]] = []


def step(function: Callable[[], str]) -> Callable[[], str]:
    """Register something to do at each start, in its app's ready(). It gives a line to print, or ""."""
    STEPS.append(function)
    return function


def collect_static_files() -> None:
    """Compressed and with their hash in their names; only when one of them changed."""
    stamp = Path(settings.DATA_DIR) / "static.stamp"
    present = _digest_of_static_files()
    if stamp.exists() and stamp.read_text() == present and Path(settings.STATIC_ROOT).is_dir():
        return
    stamp.unlink(missing_ok=True)
    # In a process of its own, since what compressing takes (57 MB) would never be given back.
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as child:
        child.submit(call_command, "collectstatic", interactive=False, clear=True, verbosity=0).result()
    stamp.write_text(present)


def _digest_of_static_files() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def first_admin() -> User | None:
    """The admin who needs a link to get in, made when there is no user at all. None once one can by other means."""
    if not User.objects.exists():
        admin = User(username="admin", role=User.Role.ADMIN)
        admin.set_unusable_password()
        admin.save()
        return admin
    admins = list(User.objects.filter(role=User.Role.ADMIN, is_active=True))
    return (
        None
        if any(async_to_sync(signin.has_credential)(admin) for admin in admins)
        else next(iter(admins), None)
    )
