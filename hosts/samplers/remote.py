"""A remote host's counters: one shell on one channel answers questions with the text of /proc and /sys.

The shell waits for a line, so that nothing piles up when Vigie is slow, the host needs no `sleep`, the interval is
Vigie's to change at any time, and the shell ends with the channel: its `read` fails. It runs under dash and busybox.
An answer costs the host one `cat`; ostype ("Linux") stands between the files, so an absent one is an empty text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from console.errors import AnswerTimedOut, Disconnected, Failed
from hosts.transport.base import Process, Transport

from .mounts import Mount, disks, parse_df, parse_mountinfo
from .proc import COUNTERS, numbers, parse_reading, parse_vmstat
from .reading import Reading, Survey

SEPARATOR_FILE = "/proc/sys/kernel/ostype"
SEPARATOR = "Linux\n"
BEGIN, END = b"\n@begin\n", b"\n@end\n"  # no line of an answer is one of these: paths begin with a slash
MAX_ANSWER = 1024 * 1024  # bytes; 1024 cores, 256 disks and 2,000 interfaces are 500 KB
ANSWER_WITHIN = 30.0  # seconds; a frozen host is noticed by the age of its newest sample, long before

SCRIPT = f"""\
LC_ALL=C; export LC_ALL
while IFS= read -r ask; do
  echo "
@begin" || exit 0
  case $ask in
  counters) cat {f" {SEPARATOR_FILE} ".join(COUNTERS)} ;;
  survey)
    cat /proc/self/mountinfo {SEPARATOR_FILE} /proc/vmstat {SEPARATOR_FILE}
    set -- /proc/[0-9]*; echo $#
    echo /sys/block/*
    echo /sys/class/net/*/device ;;
  df)
    set --
    while IFS= read -r path && [ -n "$path" ]; do set -- "$@" "$path"; done
    [ $# -eq 0 ] || df -P -k -- "$@" ;;
  *) exit 0 ;;
  esac 2>/dev/null
  echo "
@end" || exit 0
done
"""
ARGV = ("sh", "-c", SCRIPT)


class Channel:
    """Question and answer over a process that runs SCRIPT."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def ask(self, *lines: str) -> str:
        """The answer's text. Raises AnswerTimedOut, Disconnected at the script's end, Failed past MAX_ANSWER."""
        question = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._process.write(question)
                answer = await self._answer()
        except TimeoutError as error:
            raise AnswerTimedOut("the sampler's shell does not answer") from error
        return answer.decode("utf-8", "surrogateescape")

    async def _answer(self) -> bytes:
        """What stands between the marks. What comes before (a login shell's greeting) does not count."""
        received = bytearray()
        while not received.endswith(END):
            chunk = await self._process.read()
            if not chunk:
                raise Disconnected(await self._last_words())
            received += chunk
            if len(received) > MAX_ANSWER:
                raise Failed(f"the sampler's answer is longer than {MAX_ANSWER} bytes")
        return bytes(received).rpartition(BEGIN)[2].removesuffix(END)

    async def _last_words(self) -> str:
        said = (await self._process.stderr(2048)).decode("utf-8", "replace").strip()
        return f"the sampler's shell ended: {said}" if said else "the sampler's shell ended"

    async def close(self) -> None:
        await self._process.close()


def parse_counters(text: str) -> Reading | None:
    return parse_reading(text.split(SEPARATOR))


def parse_survey(text: str) -> tuple[Survey, list[Mount]]:
    """All but the disks' space, and the mounts to ask it of."""
    mountinfo, vmstat, names = [*text.split(SEPARATOR), "", "", ""][:3]
    count, devices, interfaces = [*names.split("\n"), "", "", ""][:3]
    swapped_in, swapped_out = parse_vmstat(vmstat)
    survey = Survey(
        whole_devices=frozenset(base_names(devices)),
        physical_interfaces=frozenset(path.split("/")[-2] for path in devices_of(interfaces)),
        processes=next(iter(numbers([count]) or []), None),
        swapped_in=swapped_in,
        swapped_out=swapped_out,
    )
    return survey, disks(parse_mountinfo(mountinfo))


def base_names(paths: str) -> list[str]:
    """sysfs writes a slash in a name as an exclamation mark."""
    return [path.removeprefix("/sys/block/").replace("!", "/") for path in paths.split()]


def devices_of(paths: str) -> list[str]:
    """A pattern that nothing matches comes back as it is."""
    return [path for path in paths.split() if path.startswith("/sys/class/net/") and "*" not in path]


class RemoteSource:
    """Use `await RemoteSource.open(transport)`, and `close()` at the end."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @classmethod
    async def open(cls, transport: Transport, argv: Sequence[str] = ARGV) -> RemoteSource:
        return cls(Channel(await transport.spawn(argv)))

    async def read(self) -> Reading | None:
        return parse_counters(await self._channel.ask("counters"))

    async def survey(self) -> Survey:
        survey, mounts = parse_survey(await self._channel.ask("survey"))
        answer = await self._channel.ask("df", *(mount.point for mount in mounts), "")
        return survey.with_filesystems(parse_df(answer, mounts))

    async def close(self) -> None:
        await self._channel.close()
