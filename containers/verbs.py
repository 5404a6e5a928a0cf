"""What can be done to a workload. Each verb is data: its right, its words, and what it acts on.

Start, stop and restart of a workload that a unit owns act on the unit, over D-Bus: the unit would otherwise undo them.
Everything else acts on the container itself, over its engine's socket, or on the machine through machined.
"""

from __future__ import annotations

import shlex
import signal as signals
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console import operations
from console.errors import Failed, NotFound, Unsupported
from console.models import Operation, User
from containers import names, watch
from containers.engine.base import Call
from containers.engine.podman import Podman
from containers.engines import engines
from containers.workloads import Workload
from hosts import unit_verbs
from hosts.connections import connections
from hosts.dbus.machine1 import Machine1
from hosts.models import Host

STOP_SECONDS = 10  # until a container that ignores its stop signal is killed
MACHINED = "org.freedesktop.machine1.Manager"
UP, DOWN = (
    {"running", "paused", "stopping", "restarting", "unknown"},
    {"exited", "stopped", "created", "failed"},
)


@dataclass(frozen=True, slots=True)
class Verb:
    """`by_unit`: acts on the owning unit. `confirm`: what it will do, asked once. `states`: when it is offered."""

    name: str
    label: str
    done: str
    capability: str
    symbol: str
    states: frozenset[str]
    by_unit: bool = False
    confirm: str = ""
    confirm_of_unit: str = ""  # the same for a container that a unit owns
    signals: bool = False

    def question(self, workload: Workload, host: str, signal: str = "") -> str:
        if not self.consequence(workload):
            return ""
        whose = f" of {workload.owner}" if workload.owner else ""
        what = f"Send SIG{signal} to" if signal else self.label
        return f"{what} {workload.kind} {workload.name}{whose} on {host}?"

    def consequence(self, workload: Workload) -> str:
        if not self.by_unit and workload.unit and self.confirm_of_unit:
            return self.confirm_of_unit.format(unit=workload.unit)
        return self.confirm


def _verb(name: str, label: str, done: str, symbol: str, states: set[str], **more: object) -> Verb:
    right = {"unpause": "pause", "terminate": "kill"}.get(name, name)
    return Verb(name, label, done, f"workloads.{right}", symbol, frozenset(states), **more)  # type: ignore[arg-type]


VERBS = {
    verb.name: verb
    for verb in (
        _verb("start", "Start", "started", "start", DOWN, by_unit=True),
        _verb("stop", "Stop", "stopped", "stop", UP | {"starting"}, by_unit=True),
        _verb("restart", "Restart", "restarted", "restart", UP | DOWN, by_unit=True),
        _verb("pause", "Pause", "paused", "pause", {"running"}),
        _verb("unpause", "Resume", "resumed", "start", {"paused"}),
        _verb(
            "kill",
            "Send signal",
            "was sent the signal",
            "power",
            {"running", "stopping"},
            signals=True,
            confirm="Its first process gets the signal at once; SIGKILL ends it without saving anything.",
            confirm_of_unit="Its first process gets the signal. If it ends by it, {unit} may start it again, as its "
            "Restart= says.",
        ),
        _verb(
            "terminate",
            "Terminate",
            "terminated",
            "power",
            UP,
            confirm="It ends at once, without shutting down. What it has not written is lost.",
        ),
        _verb(
            "remove",
            "Remove",
            "removed",
            "trash",
            DOWN | UP,
            confirm="The container and everything written in it are deleted; it is stopped first if it runs. "
            "Named volumes and the image stay.",
        ),
    )
}
OF_CONTAINERS = ("start", "stop", "restart", "pause", "unpause", "kill", "remove")
OF_MACHINES = ("start", "stop", "restart", "kill", "terminate")
OF_PODS = ("start", "stop", "restart")
SIGNALS = ("TERM", "KILL", "INT", "HUP", "QUIT", "USR1", "USR2")
Perform = Callable[[], Awaitable[None]]


def verb_named(name: str) -> Verb:
    if name not in VERBS:
        raise NotFound(f"There is no verb {name!r} for workloads.")
    return VERBS[name]


def offered(workload: Workload) -> list[Verb]:
    """What makes sense for it now."""
    kinds = {"machine": OF_MACHINES, "pod": OF_PODS}.get(workload.kind, OF_CONTAINERS)
    return [
        VERBS[name]
        for name in kinds
        if workload.state in VERBS[name].states and not why_not(workload, VERBS[name])
    ]


def signals_of(workload: Workload) -> tuple[str, ...]:
    """Those that are offered; others can be sent all the same. RTMIN+4 lets a machine with systemd power off."""
    return ("RTMIN+4", *SIGNALS) if workload.kind == "machine" else SIGNALS


def why_not(workload: Workload, verb: Verb) -> str:
    """Why the verb cannot be used on this workload at all; "" when it can."""
    if verb.name not in {"machine": OF_MACHINES, "pod": OF_PODS}.get(workload.kind, OF_CONTAINERS):
        return f"A {workload.kind} has no such verb."
    if verb.name == "remove" and workload.unit:
        return f"{workload.unit} makes and removes it. Stop the unit; to be rid of it, delete its Quadlet file."
    if workload.kind == "pod" and not workload.unit:
        return "A pod without a unit is started and stopped by its containers."
    return ""


async def act(
    host: Host, workload: Workload, verb: Verb, *, actor: User, ip: str = "", signal: str = "TERM"
) -> Operation:
    """Do it, as an Operation. Raises Unsupported, InvalidInput, Busy, or why the host or its engine cannot be reached."""
    if reason := why_not(workload, verb):
        raise Unsupported(reason, remedy="Nothing was changed.")
    if workload.unit and verb.by_unit:
        unit_verb = unit_verbs.VERBS[verb.name]
        return await unit_verbs.act(host, workload.unit, unit_verb, actor=actor, ip=ip, manager=workload.owner)
    if workload.kind == "machine":
        call, shell, perform = _on_machine(host, workload, verb, names.signal_name(signal))
        deadline = 30.0
    else:
        described, perform = await _on_container(host, workload, verb, signal)
        call, shell, deadline = described.rest, described.shell, described.deadline
    intent = operations.Intent(
        actor=actor,
        ip=ip,
        verb=f"workloads.{verb.name}",
        kind=workload.kind,
        target=target_of(workload),
        host_id=host.pk,
        host_name=host.name,
        call=f"{call} at {engines.address(host.pk, workload.owner).path}"
        if workload.kind != "machine"
        else call,
        shell=shell,
        deadline=deadline + 15.0,
    )
    return await operations.run(intent, _action(host, workload, verb, perform))


def target_of(workload: Workload) -> str:
    return f"{workload.name} of {workload.owner}" if workload.owner else workload.name


def _action(host: Host, workload: Workload, verb: Verb, perform: Perform) -> operations.Action:
    async def action(_: Operation) -> str:
        try:
            await perform()
        finally:
            watch.refresh(host.pk)
        return f"{workload.name} {verb.done}"

    return action


async def _on_container(host: Host, workload: Workload, verb: Verb, signal: str) -> tuple[Call, Perform]:
    podman = await engines.get(host.pk, workload.owner)
    call = _call(podman, workload, verb, signal)
    if workload.owner:
        call = _as_login(call, workload.owner)

    async def perform() -> None:
        await podman.perform(call)

    return call, perform


def _call(podman: Podman, workload: Workload, verb: Verb, signal: str) -> Call:
    match verb.name:
        case "stop" | "restart":
            return getattr(podman.calls, verb.name)(workload.name, timeout=STOP_SECONDS)
        case "kill":
            return podman.calls.kill(workload.name, signal=signal)
        case "remove":
            return podman.calls.remove(workload.name, force=workload.running)
    return getattr(podman.calls, verb.name)(workload.name)


def _as_login(call: Call, login: str) -> Call:
    shell = shlex.join(["sudo", "-iu", login, "--", *shlex.split(call.shell)])
    return Call(call.verb, call.target, call.method, call.path, shell, call.deadline)


def _on_machine(host: Host, workload: Workload, verb: Verb, signal: str) -> tuple[str, str, Perform]:
    name = names.machine(workload.name)

    async def perform() -> None:
        machined = Machine1(await connections.get(host.pk).system_bus())
        if verb.name == "terminate":
            await machined.terminate(name)
        else:
            await machined.kill(name, "leader", number_of(signal))

    if verb.name == "terminate":
        return (
            f'{MACHINED}.TerminateMachine("{name}")',
            shlex.join(["machinectl", "terminate", "--", name]),
            perform,
        )
    command = ["machinectl", "kill", "--kill-whom=leader", f"--signal=SIG{signal}", "--", name]
    return f'{MACHINED}.KillMachine("{name}", "leader", {number_of(signal)})', shlex.join(command), perform


def number_of(signal: str) -> int:
    """Of a name that `names.signal_name` let through."""
    if signal.isdigit():
        return int(signal)
    if signal.startswith("RTMIN+"):
        return int(signals.SIGRTMIN) + int(signal.removeprefix("RTMIN+"))
    if signal.startswith("RTMAX-"):
        return int(signals.SIGRTMAX) - int(signal.removeprefix("RTMAX-"))
    return int(signals.Signals[f"SIG{signal}"])


@operations.observer("workloads.")
async def observe(operation: Operation) -> str | None:
    """After a lost answer: is the container now as was wished? Signals and restarts leave nothing that could be told."""
    name, _, owner = operation.target.partition(" of ")
    wanted = {"start": True, "stop": False, "remove": None}
    verb = operation.verb.removeprefix("workloads.")
    if verb not in wanted or operation.host_id is None or operation.kind != "container":
        return None
    podman = await engines.get(operation.host_id, owner)
    state = next((one for one in await podman.list() if one.name == name), None)
    if (state.running if state else None) != wanted[verb]:
        raise Failed(f"{name} is {state.state if state else 'not there'}.")
    return f"{name} is {state.state if state else 'removed'}."
