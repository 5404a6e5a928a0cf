"""Every route. Apps bring `urlpatterns` and `websockets` in their urls.py; the frame names the apps but imports none."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.urls import include, path

from console import consumers
from console.views import about, audit, operations, palette, signin

APPS = ("hosts", "containers")

urlpatterns: list[Any] = [
    path("accounts/", include("allauth.urls")),
    path("signin/<str:token>/", signin.by_link, name="signin"),
    path("operations/", operations.index, name="operations"),
    path("operations/<int:operation_id>/", operations.detail, name="operation"),
    path("operations/<int:operation_id>/cancel/", operations.cancel, name="operation-cancel"),
    path("audit/", audit.index, name="audit"),
    path("about/", about.index, name="about"),
    path("palette/", palette.search, name="palette"),
    *(path("", include(f"{app}.urls")) for app in APPS),
]

websockets: list[Any] = [
    path("ws/operations/", consumers.OperationsStream.as_asgi()),
    *(route for app in APPS for route in import_module(f"{app}.urls").websockets),
]

handler404 = "console.views.errors.not_found"
handler500 = "console.views.errors.server_error"
