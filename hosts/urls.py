"""Routes of hosts. `/` is the overview; one host lives below /host/NAME/."""

from __future__ import annotations

from typing import Any

from django.urls import path

from hosts.consumers.units import UnitsStream
from hosts.views import units

HOST = "host/<str:host>/"
UNITS = HOST + "units/"
USER_UNITS = HOST + "user/<str:manager>/units/"  # of a login's own manager

urlpatterns: list[Any] = [
    path(UNITS, units.index, name="units"),
    path(USER_UNITS, units.index, name="units"),
    path(UNITS + "<str:unit>/menu/", units.menu, name="unit-menu"),
    path(USER_UNITS + "<str:unit>/menu/", units.menu, name="unit-menu"),
    path(UNITS + "<str:unit>/<str:verb>/", units.act, name="unit-act"),
    path(USER_UNITS + "<str:unit>/<str:verb>/", units.act, name="unit-act"),
]

websockets: list[Any] = [
    path(f"ws/{UNITS}", UnitsStream.as_asgi()),
    path(f"ws/{USER_UNITS}", UnitsStream.as_asgi()),
]
