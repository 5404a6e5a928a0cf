"""org.freedesktop.timedate1: the host's time zone and whether it keeps its clock by the network."""

from __future__ import annotations

from dataclasses import dataclass

from hosts.dbus.bus import Bus
from hosts.dbus.values import flag, moment, prop, read, text

NAME = "org.freedesktop.timedate1"
PATH = "/org/freedesktop/timedate1"


@dataclass(frozen=True, slots=True)
class Clock:
    """`time` and `rtc_time`: microseconds since 1970, when the host answered. `can_ntp`: a service for it is there."""

    timezone: str | None = prop("Timezone", text)
    local_rtc: bool | None = prop("LocalRTC", flag)
    can_ntp: bool | None = prop("CanNTP", flag)
    ntp: bool | None = prop("NTP", flag)
    ntp_synchronized: bool | None = prop("NTPSynchronized", flag)
    time: int | None = prop("TimeUSec", moment)
    rtc_time: int | None = prop("RTCTimeUSec", moment)


class Timedate1:
    """Raises what `Bus.call` raises; Unsupported on a host without systemd-timedated."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def properties(self) -> Clock:
        return read(Clock, await self._bus.get_all(NAME, PATH, NAME))

    async def list_timezones(self) -> list[str]:
        """Names like "Europe/Paris". Unsupported before systemd 246."""
        (names,) = await self._bus.call(NAME, PATH, NAME, "ListTimezones", returns="as")
        return list(names)

    async def set_timezone(self, name: str) -> None:
        """Raises InvalidInput for a zone the host does not know."""
        await self._bus.call(NAME, PATH, NAME, "SetTimezone", "sb", [name, False])

    async def set_ntp(self, on: bool) -> None:
        """Enables and starts the host's time service, or disables and stops it. Unsupported where it has none."""
        await self._bus.call(NAME, PATH, NAME, "SetNTP", "bb", [on, False])
