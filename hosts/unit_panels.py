"""The parts of a unit's page as HTML. The page, its fragment and its stream show the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from console.access import Rights
from console.snapshots import Snapshot
from hosts import journal, unit_details, units
from hosts.journal import Query
from hosts.models import Host
from hosts.unit_details import Details
from hosts.unit_offers import address, offers
from hosts.unit_rows import base
from hosts.units import Unit

PANELS = ("alerts", "facts", "processes", "relations", "files")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose page it is."""

    host: Host
    manager: str
    name: str

    @property
    def row(self) -> Unit:
        """As last seen; for one that is gone, a row that says so."""
        known = units.snapshot(self.host.pk, self.manager)
        gone = Unit(self.name, "", "not-found", "inactive", "gone", "", "")
        found: Unit = known.value.by_name.get(self.name, gone) if known else gone
        return found

    @property
    def known(self) -> Snapshot | None:
        return unit_details.snapshot(self.host.pk, self.manager, self.name)

    @property
    def where(self) -> str:
        return address(base(self.host.name, self.manager), self.name)


def context(subject: Subject, rights: Rights, details: Details | None = None) -> dict[str, Any]:
    """What the templates take. `details` None: those last read, if any."""
    row, known = subject.row, subject.known
    found = details or (known.value if known else None)
    properties = found.properties if found else None
    return {
        "host": subject.host,
        "unit": row,
        "base": base(subject.host.name, subject.manager),
        "where": subject.where,
        "manager": subject.manager,
        "details": found,
        "known": known,
        "offers": offers(row, properties, subject.where, rights, subject.host),
        "reload_href": f"{base(subject.host.name, subject.manager)}daemon-reload/",
        "reads_log": not subject.manager and may_read_log(subject, rights),
        "may_edit": rights.allows("units.edit", subject.host, subject.name),
        "subtitle": row.description if row.description != row.name else "",
        "crumbs": [("Units", base(subject.host.name, subject.manager))],
    }


def may_read_log(subject: Subject, rights: Rights) -> bool:
    return journal.may_read(rights, subject.host, Query(units=(subject.name,)))


def head(subject: Subject, rights: Rights) -> str:
    return render_to_string("hosts/unit.html#head", context(subject, rights))


def body(subject: Subject, rights: Rights) -> str:
    """All of what is below the head."""
    return render_to_string("hosts/unit.html#body", context(subject, rights))


def panels(subject: Subject, rights: Rights, details: Details | None = None) -> dict[str, str]:
    """HTML by panel, once the details are known."""
    known = context(subject, rights, details)
    return {name: render_to_string(f"hosts/unit.html#{name}", known) for name in PANELS}
