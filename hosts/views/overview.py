"""The first page: all hosts that the user may see."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from console.access import ConsoleRequest, signed_in
from hosts import overview
from hosts.access import visible_hosts
from hosts.overview_rows import row_html, totals_html


@require_GET
@signed_in
async def index(request: ConsoleRequest) -> HttpResponse:
    hosts = await visible_hosts(request.rights)
    listed = overview.worst_first(overview.summary(host).seen_by(request.rights, host) for host in hosts)
    groups = sorted({group for one in listed for group in one.groups})
    context = {
        "nav": "overview",
        "count": len(listed),
        "rows": mark_safe("".join(row_html(one) for one in listed)),  # noqa: S308  (escaped by the row)
        "totals": mark_safe(totals_html(overview.totals(listed))),  # noqa: S308
        "groups": [(group, group) for group in groups],
        "problems": PROBLEMS,
    }
    return render(request, "hosts/overview.html", context)


PROBLEMS = [
    ("away", "Not answering"),
    ("failed", "Failed units"),
    ("unhealthy", "Unhealthy containers"),
    ("disk", "Disks nearly full"),
    ("reboot", "Restart pending"),
]
