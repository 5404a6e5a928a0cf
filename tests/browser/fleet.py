"""A console that knows lab hosts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager

from tests.browser.server import ROOT, environment, first_start, serve

ADD_HOSTS = """
import json, sys
import django
django.setup()
from hosts.models import Host
Host.objects.bulk_create(Host(**row) for row in json.load(sys.stdin))
"""


def row(host, name, **more):
    """The lab host as a row of the console's database, its key accepted."""
    return {"name": name, "address": host.address, "host_key": host.host_key, **more}


def add_hosts(data, rows):
    subprocess.run(
        [sys.executable, "-c", ADD_HOSTS],
        cwd=ROOT,
        env=environment(data, "console.settings"),
        input=json.dumps(rows),
        text=True,
        check=True,
    )


@contextmanager
def serve_fleet(data, key_path, rows):
    """Serve a console with these hosts, signed in to with the lab's key."""
    (data / "sessions.json").write_text(json.dumps(first_start(data)))
    (data / "ssh").mkdir(mode=0o700)
    shutil.copy(key_path, data / "ssh" / "id_ed25519")
    add_hosts(data, rows)
    with serve(data) as served:
        yield served
