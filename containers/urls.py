"""Routes of workloads, below /host/NAME/containers/."""

from __future__ import annotations

from typing import Any

from django.urls import path

from containers.consumers import WorkloadsStream, WorkloadStream
from containers.consumers_logs import LogStream
from containers.views import logs, workloads

CONTAINERS = "host/<str:host>/containers/"
WORKLOAD = CONTAINERS + "<str:kind>/<str:owner>/<str:name>/"

urlpatterns: list[Any] = [
    path(CONTAINERS, workloads.index, name="workloads"),
    path(WORKLOAD, workloads.page, name="workload"),
    path(WORKLOAD + "menu/", workloads.menu, name="workload-menu"),
    path(WORKLOAD + "processes/", workloads.processes, name="workload-processes"),
    path(WORKLOAD + "logs/", logs.page, name="workload-log"),
    path(WORKLOAD + "logs/download/", logs.download, name="workload-log-download"),
    path(WORKLOAD + "<str:verb>/", workloads.act, name="workload-act"),
]

websockets: list[Any] = [
    path(f"ws/{CONTAINERS}", WorkloadsStream.as_asgi()),
    path(f"ws/{WORKLOAD}logs/", LogStream.as_asgi()),
    path(f"ws/{WORKLOAD}", WorkloadStream.as_asgi()),
]
