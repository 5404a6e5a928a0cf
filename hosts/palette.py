"""What Ctrl-K finds of hosts: hosts, their units, and what can be done with a host. All from what is known already."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from console.access import Rights
from console.palette import Entry, source
from hosts import units, watch
from hosts.models import Host
from hosts.unit_rows import unit_url

PAGES = (
    ("Units", "units", "units.view"),
    ("Terminal", "terminal-new", "hosts.terminal"),
    ("Restart or power off", "power", "hosts.power"),
    ("Name and time", "identity", "hosts.identity"),
)
SHORTEST = 2  # letters before units are searched


def _seen(rights: Rights) -> list[Host]:
    return [host for host in watch.known_hosts() if rights.allows("hosts.view", host)]


@source
def hosts(query: str, rights: Rights) -> Iterator[Entry]:
    """By name, those that begin with it first."""
    found = [host for host in _seen(rights) if query in host.name.lower()]
    for host in sorted(found, key=lambda host: (not host.name.lower().startswith(query), host.name)):
        link = watch.link_of(host.pk)
        yield Entry(host.name, link.state if link else "host", host.get_absolute_url(), "host")


@source
def pages(query: str, rights: Rights) -> Iterator[Entry]:
    """ "web1 power": every word is in the host's name or in the page's title."""
    words = query.split()
    for host in _seen(rights) if len(words) > 1 else []:
        for title, route, capability in PAGES:
            text = f"{host.name} {title}".lower()
            if all(word in text for word in words) and rights.allows(capability, host):
                yield Entry(title, host.name, reverse(route, args=[host.name]), "verb")


@source
def units_of_hosts(query: str, rights: Rights) -> Iterator[Entry]:
    for host in _seen(rights) if len(query) >= SHORTEST else []:
        known = units.snapshot(host.pk)
        for name in known.value.by_name if known else ():
            if query in name.lower() and rights.allows("units.view", host, name):
                yield Entry(name, host.name, unit_url(host.name, name), "unit")
