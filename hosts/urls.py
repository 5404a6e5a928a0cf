"""Routes of hosts. `/` is the overview; one host lives below /host/NAME/."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from hosts.consumers.connection import ConnectionStream
from hosts.consumers.host import HostPageStream
from hosts.consumers.journal import JournalStream
from hosts.consumers.overview import OverviewStream
from hosts.consumers.terminal import TerminalStream
from hosts.consumers.timers import TimersStream
from hosts.consumers.unit import UnitStream
from hosts.consumers.units import UnitsStream
from hosts.views import (
    fleet,
    host,
    identity,
    journal,
    overview,
    power,
    terminal,
    timers,
    unit,
    unit_files,
    units,
)

HOST = "host/<str:host>/"
UNITS = HOST + "units/"
JOURNAL = HOST + "journal/"
TERMINAL = HOST + "terminal/<slug:terminal>/"
USER_UNITS = HOST + "user/<str:manager>/units/"  # of a login's own manager


def both(route: str, view: Any, name: str) -> list[URLPattern]:
    """A route below the units of the system's manager, and of a login's own."""
    return [path(UNITS + route, view, name=name), path(USER_UNITS + route, view, name=name)]


urlpatterns: list[Any] = [
    path("", overview.index, name="overview"),
    path("hosts/add/", fleet.add, name="host-add"),
    path(HOST + "change/", fleet.change, name="host-change"),
    path(HOST + "remove/", fleet.remove, name="host-remove"),
    path(HOST + "connection/", fleet.connection, name="host-connection"),
    path(HOST + "connection/steps/", fleet.steps, name="host-steps"),
    path(HOST + "connection/findings/", fleet.findings, name="host-findings"),
    path(HOST + "connection/accept-key/", fleet.accept_key, name="host-accept-key"),
    path(HOST + "connection/authorise/", fleet.authorise, name="host-authorise"),
    path(HOST, host.index, name="host"),
    path(HOST + "retry/", host.retry, name="host-retry"),
    path(UNITS, units.index, name="units"),
    path(USER_UNITS, units.index, name="units"),
    path(UNITS + "<str:unit>/menu/", units.menu, name="unit-menu"),
    path(USER_UNITS + "<str:unit>/menu/", units.menu, name="unit-menu"),
    path(HOST + "managers/", units.managers, name="managers"),
    *both("daemon-reload/", units.reload_manager, "units-daemon-reload"),
    *both("new/<slug:kind>/", unit_files.new, "unit-new"),
    *both("<str:unit>/edit/", unit_files.edit, "unit-edit"),
    *both("<str:unit>/", unit.page, "unit"),
    *both("<str:unit>/details/", unit.details, "unit-details"),
    *both("<str:unit>/last-lines/", unit.last_lines, "unit-last-lines"),
    path(UNITS + "<str:unit>/<str:verb>/", units.act, name="unit-act"),
    path(USER_UNITS + "<str:unit>/<str:verb>/", units.act, name="unit-act"),
    path(HOST + "timers/", timers.index, name="timers"),
    path(HOST + "user/<str:manager>/timers/", timers.index, name="timers"),
    path(JOURNAL, journal.index, name="journal"),
    path(JOURNAL + "entries/", journal.entries, name="journal-entries"),
    path(JOURNAL + "entry/", journal.entry, name="journal-entry"),
    path(JOURNAL + "boots/", journal.boots, name="journal-boots"),
    path(JOURNAL + "download/", journal.download, name="journal-download"),
    path(HOST + "terminal/", terminal.begin, name="terminal-new"),
    path(TERMINAL, terminal.page, name="terminal"),
    path(HOST + "power/", power.page, name="power"),
    path(HOST + "power/now/", power.now, name="power-now"),
    path(HOST + "power/schedule/", power.schedule, name="power-schedule"),
    path(HOST + "power/cancel/", power.cancel, name="power-cancel"),
    path(HOST + "identity/", identity.page, name="identity"),
    path(HOST + "identity/names/", identity.names, name="identity-names"),
    path(HOST + "identity/timezone/", identity.timezone, name="identity-timezone"),
    path(HOST + "identity/ntp/", identity.ntp, name="identity-ntp"),
    path(HOST + "logins/", identity.logged_in, name="logins"),
]

websockets: list[Any] = [
    path("ws/", OverviewStream.as_asgi()),
    path(f"ws/{HOST}connection/", ConnectionStream.as_asgi()),
    path(f"ws/{HOST}", HostPageStream.as_asgi()),
    path(f"ws/{UNITS}", UnitsStream.as_asgi()),
    path(f"ws/{USER_UNITS}", UnitsStream.as_asgi()),
    path(f"ws/{UNITS}<str:unit>/", UnitStream.as_asgi()),
    path(f"ws/{USER_UNITS}<str:unit>/", UnitStream.as_asgi()),
    path(f"ws/{HOST}timers/", TimersStream.as_asgi()),
    path(f"ws/{HOST}user/<str:manager>/timers/", TimersStream.as_asgi()),
    path(f"ws/{JOURNAL}", JournalStream.as_asgi()),
    path(f"ws/{TERMINAL}", TerminalStream.as_asgi()),
]
