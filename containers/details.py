"""Everything about one workload, read from its engine when its page is opened or it has changed."""

from __future__ import annotations

from typing import Any

from console.errors import ConsoleError
from containers import watch
from containers.engines import engines
from containers.workload_rows import dom_id, figures, href, port_text, short_image, state_of, unit_href
from containers.workloads import Workload, with_stats
from hosts.models import Host


async def shown(host: Host, row: Workload) -> dict[str, Any]:
    """What the page's templates need. Without an answer of the engine there is `error` instead of `details`."""
    state, words = state_of(row)
    (row,) = with_stats([row], watch.stats(host.pk))
    return {
        "row": row,
        "id": dom_id(row),
        "href": href(host.name, row),
        "state": state,
        "words": words,
        "image": short_image(row.image),
        "ports": [port_text(port) for port in row.ports],
        "unit_href": unit_href(host.name, row),
        "crumbs": [("Containers", f"/host/{host.name}/containers/")],
        **await _inspected(host, row),
    }


async def _inspected(host: Host, row: Workload) -> dict[str, Any]:
    if row.kind != "container" or row.engine_id is None:
        return {"details": None}
    try:
        podman = await engines.get(host.pk, row.owner)
        return {"details": await podman.inspect(row.name)}
    except ConsoleError as error:
        return {"details": None, "error": error}


async def processes(host: Host, row: Workload) -> dict[str, Any]:
    """The container's processes, as ps on the host tells."""
    base = {"row": row, "href": href(host.name, row)}
    if row.kind != "container" or row.state != "running":
        return base
    try:
        podman = await engines.get(host.pk, row.owner)
        return base | {"table": await podman.top(row.name)}
    except ConsoleError as error:
        return base | {"error": error}


def live(row: Workload) -> dict[str, Any] | None:
    """A patch of the page's tiles with the newest sample; None while there is none."""
    sample = watch.stats(row.host_id).get(row.engine_id or "")
    if sample is None:
        return None
    fields = {name: text for name, (text, _) in figures(sample).items()}
    curves = {"cpu-curve": sample.cpu_percent, "memory-curve": float(sample.memory)}
    return (
        fields
        | {name: value for name, value in curves.items() if value is not None}
        | {"pids": str(sample.pids)}
    )
