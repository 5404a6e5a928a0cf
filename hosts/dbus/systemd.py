"""org.freedesktop.systemd1: units, jobs and unit files, with upstream's verbs and no policy.

The same for the system's manager and a user's own: it depends on the bus. Names must be valid unit names
(`hosts.dbus.systemd_names`); systemd itself refuses others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from console.errors import ConsoleError
from hosts.dbus.bus import Bus, Signal, Subscription, Variant
from hosts.dbus.systemd_jobs import Jobs
from hosts.dbus.systemd_names import MANAGER, NAME, PATH, UNIT_PATHS, unit_path
from hosts.dbus.systemd_units import (
    Event,
    FileChange,
    ListedUnit,
    ManagerProperties,
    UnitProcess,
    UnitProperties,
    event,
)
from hosts.dbus.values import read

ALREADY_SUBSCRIBED = "org.freedesktop.systemd1.AlreadySubscribed"
_IN_THREAD_FROM = 500  # rows; making the objects of a longer list would be felt on the loop


class Systemd:
    """A client of one manager. Raises what `Bus.call` raises."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._jobs = Jobs(bus)

    # --- reading ------------------------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """Ask the manager for its signals; without it most are not sent. Once a connection is enough, and systemd may
        remember a connection of this name from before its bus was restarted."""
        try:
            await self._call("Subscribe")
        except ConsoleError as error:
            if error.facts.get("dbus_error") != ALREADY_SUBSCRIBED:
                raise

    async def list_units(self) -> list[ListedUnit]:
        """All loaded units (Manager.ListUnits)."""
        return await self._listed("ListUnits")

    async def list_units_by_patterns(
        self, patterns: Sequence[str], states: Sequence[str] = ()
    ) -> list[ListedUnit]:
        """Loaded units whose name fits one of the globs, in one of the states (any when empty)."""
        return await self._listed("ListUnitsByPatterns", "asas", list(states), list(patterns))

    async def list_units_by_names(self, names: Sequence[str]) -> list[ListedUnit]:
        """These units, whether loaded or not: one that does not exist has the load state not-found."""
        return await self._listed("ListUnitsByNames", "as", list(names))

    async def list_unit_files(self) -> list[tuple[str, str]]:
        """(path, state) of every unit file; states are enabled, disabled, static, masked, generated, ...

        Systemd reads its folders for this: it takes tens of milliseconds on the host.
        """
        (rows,) = await self._call("ListUnitFiles", returns="a(ss)", timeout=60.0)
        return [(path, state) for path, state in rows]

    async def get_unit_file_state(self, name: str) -> str:
        (state,) = await self._call("GetUnitFileState", "s", name, returns="s")
        return str(state)

    async def get_unit(self, name: str) -> str:
        """The object path of a loaded unit. Raises NotFound."""
        (path,) = await self._call("GetUnit", "s", name, returns="o")
        return str(path)

    async def load_unit(self, name: str) -> str:
        """The object path, after loading the unit if needed; also for units that do not exist."""
        (path,) = await self._call("LoadUnit", "s", name, returns="o")
        return str(path)

    async def unit_properties(self, name: str) -> UnitProperties:
        """Properties of all of the unit's interfaces. One that does not exist has the load_state "not-found"."""
        return read(UnitProperties, await self._bus.get_all(NAME, unit_path(name), ""))

    async def raw_properties(self, name: str) -> dict[str, Any]:
        """Everything `systemctl show` would print, by D-Bus property name."""
        return await self._bus.get_all(NAME, unit_path(name), "")

    async def get_unit_processes(self, name: str) -> list[UnitProcess]:
        """The processes in the unit's control group and below. Raises NotFound for a unit that is not loaded."""
        (rows,) = await self._call("GetUnitProcesses", "s", name, returns="a(sus)")
        return [UnitProcess(*row) for row in rows]

    async def manager_properties(self) -> ManagerProperties:
        return read(ManagerProperties, await self._bus.get_all(NAME, PATH, MANAGER))

    async def events(self, callback: Callable[[Event], None]) -> list[Subscription]:
        """From its return on, `callback` gets every Event in its order (after `subscribe`).

        Two match rules in all, however many units there are. Close both subscriptions to end it.
        """

        def receive(signal: Signal) -> None:
            if (meant := event(signal)) is not None:
                callback(meant)

        units = UNIT_PATHS.rstrip("/")
        properties = "org.freedesktop.DBus.Properties"
        return [
            await self._bus.subscribe(receive, sender=NAME, interface=MANAGER, path=PATH),
            await self._bus.subscribe(
                receive, sender=NAME, interface=properties, member="PropertiesChanged", path_namespace=units
            ),
        ]

    # --- jobs: each returns the job's result, "done" when it succeeded -------------------------------------------
    # Others are failed, canceled, timeout, dependency, skipped. Raises AnswerTimedOut when the job still runs after
    # `timeout` seconds and Disconnected: its outcome is then unknown.

    async def start(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        return await self._job("StartUnit", name, mode, timeout)

    async def stop(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        return await self._job("StopUnit", name, mode, timeout)

    async def restart(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        return await self._job("RestartUnit", name, mode, timeout)

    async def try_restart(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        """Restarts it if it runs."""
        return await self._job("TryRestartUnit", name, mode, timeout)

    async def reload(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        return await self._job("ReloadUnit", name, mode, timeout)

    async def reload_or_restart(self, name: str, mode: str = "replace", timeout: float = 100.0) -> str:
        return await self._job("ReloadOrRestartUnit", name, mode, timeout)

    async def start_transient_unit(
        self,
        name: str,
        properties: Sequence[tuple[str, Variant]],
        mode: str = "fail",
        timeout: float = 100.0,
    ) -> str:
        """Make a unit without a file and start it. Raises Conflict when a unit of this name is loaded."""
        body = [name, mode, list(properties), []]
        return await self._jobs.run("StartTransientUnit", "ssa(sv)a(sa(sv))", body, timeout)

    async def cancel_job(self, job_id: int) -> None:
        """Raises NotFound when it has ended."""
        await self._call("CancelJob", "u", job_id)

    # --- changes without a job ----------------------------------------------------------------------------------

    async def kill_unit(self, name: str, who: str, signal: int) -> None:
        """Send a signal to "main", "control" or "all" processes of the unit."""
        await self._call("KillUnit", "ssi", name, who, signal)

    async def reset_failed(self, name: str = "") -> None:
        """Forget that the unit failed; without a name, all."""
        if name:
            await self._call("ResetFailedUnit", "s", name)
        else:
            await self._call("ResetFailed")

    async def set_unit_properties(
        self, name: str, properties: Sequence[tuple[str, Variant]], *, runtime: bool = False
    ) -> None:
        """Change settings of a unit while it runs; kept over a reboot unless `runtime`."""
        await self._call("SetUnitProperties", "sba(sv)", name, runtime, list(properties))

    # --- unit files: each returns what changed on disk; `daemon_reload` makes the manager see it -----------------

    async def enable_unit_files(
        self, names: Sequence[str], *, runtime: bool = False, force: bool = False
    ) -> tuple[bool, list[FileChange]]:
        """Also whether the files have an [Install] section at all: without one nothing can be enabled."""
        body = (list(names), runtime, force)
        installable, rows = await self._call("EnableUnitFiles", "asbb", *body, returns="ba(sss)", timeout=60.0)
        return bool(installable), [FileChange(*row) for row in rows]

    async def disable_unit_files(self, names: Sequence[str], *, runtime: bool = False) -> list[FileChange]:
        return await self._files("DisableUnitFiles", "asb", list(names), runtime)

    async def mask_unit_files(
        self, names: Sequence[str], *, runtime: bool = False, force: bool = False
    ) -> list[FileChange]:
        return await self._files("MaskUnitFiles", "asbb", list(names), runtime, force)

    async def unmask_unit_files(self, names: Sequence[str], *, runtime: bool = False) -> list[FileChange]:
        return await self._files("UnmaskUnitFiles", "asb", list(names), runtime)

    async def revert_unit_files(self, names: Sequence[str]) -> list[FileChange]:
        """Remove drop-ins and overrides, back to the vendor's file."""
        return await self._files("RevertUnitFiles", "as", list(names))

    async def daemon_reload(self, timeout: float = 100.0) -> None:
        """Manager.Reload: read all unit files anew."""
        await self._call("Reload", timeout=timeout)

    # --- shared -------------------------------------------------------------------------------------------------

    async def _call(
        self, member: str, signature: str = "", *body: Any, returns: str = "", timeout: float = 25.0
    ) -> list[Any]:
        return await self._bus.call(NAME, PATH, MANAGER, member, signature, body, timeout, returns=returns)

    async def _listed(self, member: str, signature: str = "", *body: Any) -> list[ListedUnit]:
        (rows,) = await self._call(member, signature, *body, returns="a(ssssssouso)")
        if len(rows) < _IN_THREAD_FROM:
            return _listed_units(rows)
        return await asyncio.to_thread(_listed_units, rows)

    async def _files(self, member: str, signature: str, *body: Any) -> list[FileChange]:
        (rows,) = await self._call(member, signature, *body, returns="a(sss)", timeout=60.0)
        return [FileChange(*row) for row in rows]

    async def _job(self, member: str, name: str, mode: str, timeout: float) -> str:
        return await self._jobs.run(member, "ss", [name, mode], timeout)


def _listed_units(rows: list[list[Any]]) -> list[ListedUnit]:
    return [ListedUnit(*row) for row in rows]
