"""Which verbs a unit's page offers, by its state: the few that fit as buttons, the rest in a menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.access import Rights
from hosts.dbus.systemd_names import is_template
from hosts.dbus.systemd_units import UnitProperties
from hosts.models import Host
from hosts.unit_verbs import SIGNALS, VERBS
from hosts.units import Unit

RUNS = {"active", "activating", "reloading", "refreshing"}
STARTED = {"service", "socket", "timer", "path", "mount", "automount", "swap", "target", "slice"}
ICONS = {
    "start": "start",
    "stop": "stop",
    "restart": "restart",
    "reload": "reload",
    "reset-failed": "ok",
    "enable": "ok",
    "disable": "off",
    "mask": "lock",
    "unmask": "lock",
    "kill": "danger",
}


@dataclass(frozen=True, slots=True)
class Offers:
    """Each verb as the templates of verbs take it: title, href, icon, confirm..."""

    buttons: list[dict[str, Any]]
    menu: list[dict[str, Any]]
    signals: tuple[str, ...]  # that may be sent; empty when none may
    kill_href: str


def button_names(row: Unit, properties: UnitProperties | None) -> list[str]:
    """The first is what one most likely wants."""
    can_start = row.type in STARTED and row.load in ("loaded", "stub") and row.file_state != "masked"
    can_stop, can_reload = row.type != "device", False
    if properties is not None:
        can_start = can_start and properties.can_start is not False and not properties.refuse_manual_start
        can_stop = can_stop and properties.can_stop is not False and not properties.refuse_manual_stop
        can_reload = properties.can_reload is True
    if row.active in RUNS:
        wanted = [("stop", can_stop), ("restart", can_start and can_stop), ("reload", can_reload)]
    else:
        wanted = [("start", can_start), ("reset-failed", row.active == "failed")]
    return [name for name, can in wanted if can]


def menu_names(row: Unit) -> list[str]:
    names = {
        "enabled": ["disable"],
        "enabled-runtime": ["disable"],
        "disabled": ["enable"],
        "linked": ["enable"],
    }
    by_file = names.get(row.file_state, [])
    masked = ["unmask"] if row.file_state.startswith("masked") else ["mask"]
    return [*by_file, *(masked if row.file_state not in ("", "transient") else [])]


def offers(row: Unit, properties: UnitProperties | None, where: str, rights: Rights, host: Host) -> Offers:
    """`where`: the unit's address."""

    def verb(name: str) -> dict[str, Any]:
        known = VERBS[name]
        question = f"{known.label} {row.name} on {host.name}?" if known.confirm else ""
        return {
            "name": name,
            "title": known.label,
            "href": f"{where}{name}/",
            "icon": ICONS[name],
            "confirm": question,
            "confirm_text": known.confirm,
            "danger": bool(known.confirm),
        }

    def may(name: str) -> bool:
        return rights.allows(VERBS[name].capability, host, row.name)

    menu = [verb(name) for name in menu_names(row) if may(name)]
    if rights.allows("units.edit", host, row.name) and not is_template(row.name) and row.type != "device":
        menu.insert(
            0, {"title": "Edit the override…", "href": f"{where}edit/", "icon": "edit", "method": "get"}
        )
    runs = row.active in RUNS | {"deactivating"} and (
        properties is None or properties.control_group is not None
    )
    signals = (
        SIGNALS if runs and may("kill") and row.type in ("service", "scope", "socket", "mount", "swap") else ()
    )
    buttons = [verb(name) for name in button_names(row, properties) if may(name)]
    return Offers(buttons, menu, signals, f"{where}kill/")


def address(base: str, name: str) -> str:
    return f"{base}{quote(name, safe='')}/"
