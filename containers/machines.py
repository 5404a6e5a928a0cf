"""nspawn machines, running or only there as an image, as machined (org.freedesktop.machine1) tells.

machined leaves when idle and is started again by a question, so it is only asked where there is something to be told.
"""

from __future__ import annotations

from console.errors import ConsoleError, NotFound, Unreachable, Unsupported
from containers.workloads import NSPAWN, NspawnMachine
from hosts import units
from hosts.connections import Connection
from hosts.dbus.machine1 import Image, Machine1, unit_of_image

IMAGES = "/var/lib/machines"
MICROSECONDS = 1e6
HOST = ".host"


async def machines(connection: Connection) -> list[NspawnMachine]:
    """Empty on a host without machined."""
    if not await _are_there(connection):
        return []
    machined = Machine1(await connection.system_bus())
    try:
        images = {image.name: image for image in await machined.list_images() if image.name != HOST}
        listed = [one.name for one in await machined.list_machines() if one.machine_class == "container"]
    except Unsupported:
        return []
    running = [machine for name in listed if name != HOST and (machine := await _running(machined, name))]
    names = {machine.name for machine in running}
    return [*running, *(_stopped(image) for name, image in images.items() if name not in names)]


async def _are_there(connection: Connection) -> bool:
    snapshot = units.snapshot(connection.host_id)
    known = snapshot.value.by_name if snapshot else {}
    if any(name.startswith(("machine-", NSPAWN)) for name in known):
        return True
    try:
        names = await connection.transport.list_folder(IMAGES)
    except Unreachable:
        raise
    except ConsoleError:  # a login that may not look into the folder asks machined, which may
        return True
    return any(not name.startswith(".") for name in names)


async def _running(machined: Machine1, name: str) -> NspawnMachine | None:
    try:
        machine = await machined.machine(name)
    except NotFound:  # it ended meanwhile
        return None
    since = machine.timestamp / MICROSECONDS if machine.timestamp else None
    return NspawnMachine(name, machine.state or "unknown", machine.unit, since, machine.root_directory or "")


def _stopped(image: Image) -> NspawnMachine:
    return NspawnMachine(image.name, "stopped", unit_of_image(image.name), image=f"{IMAGES}/{image.name}")
