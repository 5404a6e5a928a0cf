"""The machine Vigie runs on is the first host of a new installation."""

from __future__ import annotations

import os
import re
import socket

from hosts.models import Host


def add() -> str:
    """At the first start only: an admin who removed it does not get it back. VIGIE_LOCAL=0 leaves it out (containers)."""
    if os.environ.get("VIGIE_LOCAL") == "0" or Host.objects.exists():
        return ""
    host = Host.objects.create(name=name(socket.gethostname()), kind=Host.Kind.LOCAL)
    return f"Added this machine as {host}"


def name(hostname: str) -> str:
    """The machine's own name, as far as a host's name may be so."""
    usable = re.sub(r"[^A-Za-z0-9._-]+", "-", hostname.partition(".")[0]).strip("-._")
    return usable[:63] or "this-machine"
