"""What a page says about a host's engines: nothing while they answer, else what is wrong and what helps."""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import NoEngine
from containers import watch
from hosts import units
from hosts.models import Host

SOCKET_UNIT = "podman.socket"


@dataclass(frozen=True, slots=True)
class EngineNotice:
    """`kind`: "stopped" (there is a socket unit to start), "absent", "failed"."""

    owner: str
    kind: str
    title: str
    detail: str
    remedy: str
    unit: str = ""


def shown(host: Host) -> list[EngineNotice]:
    """One for each engine that does not answer."""
    known = watch.snapshot(host.pk)
    return [_notice(host, state) for state in (known.value.engines if known else ()) if state.error]


def _notice(host: Host, state: watch.EngineState) -> EngineNotice:
    error = state.error
    assert error is not None
    if not isinstance(error, NoEngine):
        return EngineNotice(state.owner, "failed", error.title, error.detail, error.remedy)
    listed = units.snapshot(host.pk)
    if not state.owner and listed and SOCKET_UNIT in listed.value.by_name:
        return EngineNotice(
            "",
            "stopped",
            "Podman's socket is stopped",
            "Containers may well run, but nobody tells Vigie of them.",
            "The list comes back by itself as soon as podman.socket runs again.",
            SOCKET_UNIT,
        )
    return EngineNotice(
        state.owner,
        "absent",
        f"No container engine answers for {state.owner}"
        if state.owner
        else "There is no container engine on this host",
        error.detail,
        "Install Podman 4 or newer and enable its socket: systemctl enable --now podman.socket",
    )
