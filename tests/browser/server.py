"""A Vigie of its own for browser tests: a data folder, an admin, a served address."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST_START = """
import json, time
from importlib import import_module
import django
django.setup()
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import call_command
from console.models import User
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
cookies = {}
for role in ("admin", "operator", "viewer"):
    user = User.objects.create_user(role, password="correct horse battery", role=role)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "username": role}]
    session.save()
    cookies[role] = session.session_key
print(json.dumps(cookies))
"""


@dataclass(frozen=True)
class Served:
    """`url` without a slash at its end; `sessions`: session keys of the users "admin", "operator", "viewer"."""

    url: str
    data: Path
    sessions: dict[str, str]
    process: subprocess.Popen


def environment(data: Path, settings: str) -> dict[str, str]:
    # Idle sign-out is tried in tests of its own; VIGIE_DEBUG off, as in use.
    return os.environ | {
        "VIGIE_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": str(ROOT),
        "VIGIE_DEBUG": "",
    }


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def first_start(data: Path, settings: str = "console.settings") -> dict[str, str]:
    """Make the database, the static files and one user of each role; return their session keys."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_START],
        cwd=ROOT,
        env=environment(data, settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def serve(data: Path, preview: bool = False, port: int | None = None):
    """Serve until the block ends: the console itself, or the preview of its parts. A second time with the same data
    and port: what a restart is."""
    settings = "tests.browser.preview.settings" if preview else "console.settings"
    remembered = data / "sessions.json"
    if not remembered.exists():
        remembered.write_text(json.dumps(first_start(data, settings)))
    port = port or free_port()
    command = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "tests.browser.preview.asgi:application"]
    if not preview:
        command = ["-m", "tests.browser.run", str(port)]
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment(data, settings), stdout=log, stderr=log
        )
        try:
            wait_for(port, process, data / "server.log")
            yield Served(f"http://127.0.0.1:{port}", data, json.loads(remembered.read_text()), process)
        finally:
            process.terminate()
            process.wait(15)


def wait_for(port: int, process: subprocess.Popen, log: Path, timeout: float = 30) -> None:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(log.read_text())
