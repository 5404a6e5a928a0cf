"""What every template can use."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from console.access import Rights


def frame(request: HttpRequest) -> dict[str, Any]:
    """`rights` of the signed-in user (for `{% can %}`)."""
    return {"rights": getattr(request, "rights", Rights())}
