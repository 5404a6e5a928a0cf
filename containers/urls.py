"""Routes of workloads, below /host/NAME/containers/."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
websockets: list[Any] = []
