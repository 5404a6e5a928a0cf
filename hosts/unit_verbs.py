"""What can be done to a unit. Each verb is data: its right, its D-Bus call, its shell equivalent.

It is performed as an Operation. The job's end comes from systemd's JobRemoved; the changed row comes back by the watcher.
"""

from __future__ import annotations

import asyncio
import shlex
import signal as signals
import time
from dataclasses import dataclass

from console import operations
from console.errors import Failed, InvalidInput, NotFound
from console.models import Operation, User
from hosts import units
from hosts.connections import connections
from hosts.dbus.systemd import Systemd
from hosts.dbus.systemd_names import valid_unit_name
from hosts.models import Host

SIGNALS = ("SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGSTOP", "SIGCONT")


@dataclass(frozen=True, slots=True)
class Verb:
    """`member`: of org.freedesktop.systemd1.Manager; `is_job`: systemd queues a job whose result is awaited."""

    name: str
    label: str
    done: str
    capability: str
    member: str
    is_job: bool = False
    confirm: str = ""  # what it will do; asked once before it is done

    def question(self, unit: str, host: str) -> str:
        return f"{self.label} {unit} on {host}? {self.confirm}" if self.confirm else ""


VERBS = {
    verb.name: verb
    for verb in (
        Verb("start", "Start", "started", "units.start", "StartUnit", is_job=True),
        Verb("stop", "Stop", "stopped", "units.stop", "StopUnit", is_job=True),
        Verb("restart", "Restart", "restarted", "units.restart", "RestartUnit", is_job=True),
        Verb("reload", "Reload", "reloaded", "units.reload", "ReloadUnit", is_job=True),
        Verb("kill", "Send signal", "signalled", "units.kill", "KillUnit"),
        Verb("reset-failed", "Reset failed state", "reset", "units.reset-failed", "ResetFailedUnit"),
        Verb("enable", "Enable at boot", "enabled", "units.enable", "EnableUnitFiles"),
        Verb("disable", "Disable at boot", "disabled", "units.enable", "DisableUnitFiles"),
        Verb(
            "mask", "Mask", "masked", "units.mask", "MaskUnitFiles", confirm="It cannot be started by anything."
        ),
        Verb("unmask", "Unmask", "unmasked", "units.mask", "UnmaskUnitFiles"),
    )
}


def verb_named(name: str) -> Verb:
    if name not in VERBS:
        raise NotFound(f"There is no verb {name!r} for units.")
    return VERBS[name]


async def act(
    host: Host, name: str, verb: Verb, *, actor: User, ip: str = "", signal: str = "SIGTERM", manager: str = ""
) -> Operation:
    """Do it, as an Operation. Raises InvalidInput, Busy, or why the host cannot be reached, before anything is done."""
    if not valid_unit_name(name):
        raise InvalidInput(f"{name!r} is not the name of a unit.")
    if signal not in SIGNALS:
        raise InvalidInput(f"{signal!r} is not a signal that can be sent from here.")
    connection = connections.get(host.pk)
    systemd = Systemd(await units.bus_of(connection, manager))

    async def action(operation: Operation) -> str:
        return await _perform(systemd, verb, name, signal)

    intent = operations.Intent(
        actor=actor,
        ip=ip,
        verb=f"units.{verb.name}",
        kind="unit",
        target=f"{name} of {manager}" if manager else name,
        host_id=host.pk,
        host_name=host.name,
        call=call_text(verb, name, signal),
        shell=shell_text(verb, name, signal, manager),
    )
    return await operations.run(intent, action)


async def reload_manager(host: Host, *, actor: User, ip: str = "", manager: str = "") -> Operation:
    """Let systemd read all unit files anew."""
    systemd = Systemd(await units.bus_of(connections.get(host.pk), manager))

    async def action(operation: Operation) -> str:
        await systemd.daemon_reload()
        return "systemd has read its unit files anew"

    intent = operations.Intent(
        actor=actor,
        ip=ip,
        verb="units.daemon-reload",
        kind="manager",
        target=f"systemd of {manager}" if manager else "systemd",
        host_id=host.pk,
        host_name=host.name,
        call="org.freedesktop.systemd1.Manager.Reload()",
        shell=shlex.join([*systemctl(manager), "daemon-reload"]),
    )
    return await operations.run(intent, action)


async def _perform(systemd: Systemd, verb: Verb, name: str, signal: str) -> str:
    match verb.name:
        case "start" | "stop" | "restart" | "reload":
            result = await getattr(systemd, verb.name)(name)
            if result != "done":
                raise Failed(
                    f"The job to {verb.name} {name} ended with: {result}.", remedy=REMEDY.get(result, "")
                )
        case "kill":
            await systemd.kill_unit(name, "all", signals.Signals[signal])
        case "reset-failed":
            await systemd.reset_failed(name)
        case _:
            await _change_files(systemd, verb, name)
    return f"{name} {verb.done}"


async def _change_files(systemd: Systemd, verb: Verb, name: str) -> None:
    match verb.name:
        case "enable":
            installable, _ = await systemd.enable_unit_files([name])
            if not installable:
                raise Failed(
                    f"{name} has no [Install] section.", remedy="It is started by other units, not at boot."
                )
        case "disable":
            await systemd.disable_unit_files([name])
        case "mask":
            await systemd.mask_unit_files([name])
        case "unmask":
            await systemd.unmask_unit_files([name])
    await systemd.daemon_reload()


REMEDY = {
    "failed": "Read the unit's log below for the cause.",
    "timeout": "It took longer than its TimeoutStartSec or TimeoutStopSec. Read the unit's log.",
    "dependency": "A unit that it requires failed. Open its relations to find which.",
    "canceled": "Another job replaced this one. Look at the unit's present state.",
    "skipped": "The unit has nothing to do now, or its conditions are not met.",
}


def call_text(verb: Verb, name: str, signal: str) -> str:
    arguments = {
        "KillUnit": f'"{name}", "all", {signal}',
        "ResetFailedUnit": f'"{name}"',
        "EnableUnitFiles": f'["{name}"], false, false',
        "DisableUnitFiles": f'["{name}"], false',
        "MaskUnitFiles": f'["{name}"], false, true',
        "UnmaskUnitFiles": f'["{name}"], false',
    }.get(verb.member, f'"{name}", "replace"')
    return f"org.freedesktop.systemd1.Manager.{verb.member}({arguments})"


def systemctl(manager: str) -> list[str]:
    return ["systemctl", *(["--user", "-M", f"{manager}@"] if manager else [])]


def shell_text(verb: Verb, name: str, signal: str, manager: str) -> str:
    command = [*systemctl(manager), verb.name]
    if verb.name == "kill":
        command.append(f"--signal={signal}")
    return shlex.join([*command, "--", name])


ON_THE_WAY = {"activating", "deactivating", "reloading", "refreshing"}
SETTLING = 90.0  # seconds; systemd's own default for starting and stopping


@operations.observer("units.")
async def observe(operation: Operation) -> str | None:
    """After a lost answer: is the unit now as was wished? A restart cannot be told from no restart, so it stays unknown."""
    verb = operation.verb.removeprefix("units.")
    wanted = {"start": {"active"}, "stop": {"inactive", "failed"}}.get(verb)
    if wanted is None or operation.host_id is None or " of " in operation.target:
        return None
    systemd = Systemd(await connections.get(operation.host_id).system_bus())
    state = await _settled(systemd, operation.target)
    if state in ON_THE_WAY:
        return None
    if state not in wanted:
        raise Failed(f"{operation.target} is {state}.")
    return f"{operation.target} is {state}."


async def _settled(systemd: Systemd, name: str) -> str:
    """The unit's state once the change that was begun has ended; one of ON_THE_WAY when it takes longer than SETTLING."""
    deadline = time.monotonic() + SETTLING
    while True:
        listed = await systemd.list_units_by_names([name])
        state = listed[0].active_state if listed else "inactive"
        if state not in ON_THE_WAY or time.monotonic() > deadline:
            return state
        await asyncio.sleep(0.5)
