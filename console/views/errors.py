"""What is shown instead of a page, in the console's own frame: refusals, 404, 500."""

from __future__ import annotations

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console import middleware
from console.access import public
from console.errors import StorageFailed


@public
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


@public
def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError):  # outside of views: the session's own row, for one
        return middleware.failed(request, StorageFailed(str(error)))
    return render(request, "500.html", status=500)
