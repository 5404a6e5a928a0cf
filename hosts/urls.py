"""Routes of hosts. `/` is the overview; one host lives below /host/NAME/."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
websockets: list[Any] = []
