"""The units that own workloads, with their present state: Quadlets (stopped ones too) and systemd-nspawn@ units.

What they run is read from the generated units themselves; how they are comes from the manager: for the system from the
snapshot that is kept anyway, for a login by one call on its own bus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.errors import NotFound
from containers.engines import SYSTEM, Address
from containers.quadlet import Quadlet, generated
from containers.workloads import NSPAWN, OwningUnit
from hosts import units
from hosts.connections import Connection
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_names import template_of, unescape
from hosts.units import Unit

GENERATED = "/run/systemd/generator"
LARGEST = 8 * 1024 * 1024  # bytes of all generated units
Sources = Mapping[str, str]  # unit's name to its text


async def read_sources(connection: Connection, address: Address) -> dict[str, str]:
    """The generated services that come from Quadlet files, in one command. Those of a login stand in its own folder."""
    folder = GENERATED if address == SYSTEM else f"/run/user/{address.uid}/systemd/generator"
    argv = ["grep", "-rsHZ", "--include=*.service", "-e", "", "--", folder]
    answer = await connection.transport.run(argv, limit=LARGEST, as_user=address.owner)
    texts: dict[str, list[str]] = {}
    for line in answer.stdout.decode("utf-8", "replace").split("\n"):
        path, found, text = line.partition("\0")
        if found:
            texts.setdefault(path.rpartition("/")[2], []).append(text)
    joined = {name: "\n".join(lines) for name, lines in texts.items()}
    return {name: text for name, text in joined.items() if generated(name, text)}


def of_system(host_id: int, sources: Sources) -> list[OwningUnit]:
    """The system's owning units as the snapshot of units has them now."""
    snapshot = units.snapshot(host_id)
    known: dict[str, Unit] = snapshot.value.by_name if snapshot else {}
    nspawn = [_nspawn(unit) for name, unit in known.items() if name.startswith(NSPAWN)]
    return [*nspawn, *owning("", sources, known.values())]


async def of_login(connection: Connection, address: Address, sources: Sources) -> list[OwningUnit]:
    """A login's owning units as its manager tells now. Without a manager there are none."""
    if not sources:
        return []
    try:
        systemd = Systemd(await connection.user_bus(address.owner))
    except NotFound:
        return []
    patterns = [name.replace("@.", "@*.") for name in sources]
    listed = {unit.name: unit for unit in await systemd.list_units_by_patterns(patterns)}
    rows = [
        Unit(u.name, u.description, u.load_state, u.active_state, u.sub_state, "", "") for u in listed.values()
    ]
    asleep = [_stub(name) for name in sources if name not in listed and "@." not in name]
    return owning(address.owner, sources, [*rows, *asleep])


def _stub(name: str) -> Unit:
    return Unit(name, "", "stub", "inactive", "dead", "generated", "")


def owning(owner: str, sources: Sources, known: Iterable[Unit]) -> list[OwningUnit]:
    """Those of the known units whose text, or whose template's, is a Quadlet's."""
    found = []
    for unit in known:
        text = sources.get(unit.name) or sources.get(template_of(unit.name))
        quadlet = generated(unit.name, text) if text else None
        if quadlet:
            found.append(_of_quadlet(owner, unit, quadlet))
    return found


def _of_quadlet(owner: str, unit: Unit, quadlet: Quadlet) -> OwningUnit:
    return OwningUnit(
        name=unit.name,
        kind=quadlet.kind,
        active=unit.active,
        sub=unit.sub,
        owner=owner,
        runs=quadlet.container,
        image=quadlet.image,
        description=unit.description or quadlet.description,
        ports=quadlet.ports,
    )


def _nspawn(unit: Unit) -> OwningUnit:
    name = unescape(unit.name.removeprefix(NSPAWN).removesuffix(".service"))
    return OwningUnit(unit.name, "nspawn", unit.active, unit.sub, runs=name, description=unit.description)
