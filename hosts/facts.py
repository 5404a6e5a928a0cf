"""What a host is: its system, machine, virtualisation and tools. One fixed POSIX shell script, run once a connection.

Every fact stands alone: one that the host does not tell is None (or empty), one that makes no sense is in `problems`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.errors import Failed
from hosts.transport.base import Transport

from .samplers.proc import memory_of, numbers, parse_meminfo, seconds

TOOLS = (
    *("podman", "docker", "ostree", "rpm-ostree", "bootc", "apt-get", "dnf", "zypper", "pacman", "pkcon"),
    *("journalctl", "machinectl", "systemd-analyze", "systemd-stdio-bridge"),
)

# Each section begins with a line "@vigie NAME". Nothing is asked of the network and nothing is written.
SCRIPT = f"""\
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/systemd
show() {{ echo "@vigie $1"; shift; "$@" 2>/dev/null; echo; }}
show time date +%s.%N
show os cat /etc/os-release
[ -e /etc/os-release ] || show os cat /usr/lib/os-release
show machine_id cat /etc/machine-id
show kernel cat /proc/sys/kernel/osrelease
show architecture uname -m
show hostname cat /proc/sys/kernel/hostname
show boot_id cat /proc/sys/kernel/random/boot_id
show uptime cat /proc/uptime
show cpuinfo cat /proc/cpuinfo
show meminfo cat /proc/meminfo
show virtualisation systemd-detect-virt
show vendor cat /sys/class/dmi/id/sys_vendor
show product cat /sys/class/dmi/id/product_name
show model cat /proc/device-tree/model
show systemd systemctl --version
show pid1 cat /proc/1/comm
echo "@vigie tools"
for tool in {" ".join(TOOLS)}; do command -v "$tool" >/dev/null 2>&1 && echo "$tool"; done
echo "@vigie reboot"
[ -e /run/reboot-required ] && echo packages && cat /run/reboot-required.pkgs 2>/dev/null
echo
echo "@vigie ostree"
if [ -e /run/ostree-booted ]; then echo booted; [ -e /run/ostree/staged-deployment ] && echo staged
  ostree admin status 2>/dev/null; fi
show time_end date +%s.%N
echo "@vigie end"
"""
ARGV = ("sh", "-c", SCRIPT)
MAX_TEXT = 256  # characters of any one fact: they are shown on one line


@dataclass(frozen=True, slots=True)
class Facts:
    """Seconds, bytes. `clock_skew` is the host's clock minus Vigie's, exact to `clock_error`."""

    os_id: str = ""  # debian, fedora
    os_like: tuple[str, ...] = ()
    os_name: str = ""  # for people
    os_version: str = ""
    machine_id: str = ""
    hostname: str = ""
    kernel: str = ""
    architecture: str = ""
    boot_id: str = ""
    booted_at: float | None = None  # Vigie's clock, seconds since 1970
    uptime: float | None = None
    cores: int | None = None
    cpu_model: str = ""
    memory: int | None = None
    virtualisation: str | None = (
        None  # systemd-detect-virt's word; "none" on bare metal, None when it cannot be asked
    )
    vendor: str = ""
    product: str = ""
    clock_skew: float | None = None
    clock_error: float = 0.0
    systemd: int | None = None  # its version; None when process 1 is something else
    tools: frozenset[str] = frozenset()
    ostree: bool = False  # booted from an OSTree deployment
    reboot_reason: str = ""  # why a reboot is pending; "" when none is
    problems: tuple[str, ...] = field(default=())


async def read_facts(transport: Transport) -> Facts:
    """Raises the transport's errors; Failed when the host has no POSIX shell."""
    before = time.time()
    began = time.monotonic()
    done = await transport.run(ARGV, timeout=30.0, limit=1024 * 1024)
    took = time.monotonic() - began
    text = done.stdout.decode("utf-8", "replace")
    if "@vigie end" not in text:
        raise Failed(f"the host's shell ended with {done.code} before it had told what the host is")
    return parse_facts(text, asked=before, took=took)


def sections_of(text: str) -> dict[str, str]:
    """What comes before the first mark (a login shell's greeting) does not count. A section may come again."""
    parts = re.split(r"^@vigie (\w+)\n", text, flags=re.MULTILINE)
    sections: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        sections[name] = sections.get(name, "") + body.strip("\n\0 ")
    return sections


def one_line(text: str) -> str:
    """The first line, printable characters only, capped."""
    first = text.strip("\0 \n").split("\n", 1)[0]
    return "".join(character for character in first if character.isprintable())[:MAX_TEXT].strip()


_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def unquote(value: str) -> str:
    """A value of os-release(5): a shell word, perhaps in quotes, with backslashes before $ " ' \\ and `."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return re.sub(r"\\([$\"'\\`])", r"\1", value)


def parse_os_release(text: str) -> dict[str, str]:
    found = (_ASSIGNMENT.fullmatch(line.strip()) for line in text.split("\n"))
    return {match[1]: one_line(unquote(match[2])) for match in found if match}


def parse_cpuinfo(text: str) -> tuple[int | None, str]:
    """The number of processors and their model; ARM does not name one."""
    lines = [line.partition(":") for line in text.split("\n")]
    count = sum(name.strip() == "processor" for name, _, _ in lines)
    models = (
        one_line(value) for name, _, value in lines if name.strip() in ("model name", "Model", "cpu model")
    )
    return count or None, next(models, "")


def parse_systemd(version: str, pid1: str) -> int | None:
    """`systemctl --version` begins with "systemd 257 (257.13-1)"; it counts only where systemd is process 1."""
    match = re.match(r"systemd (\d{1,5})\b", version)
    return int(match[1]) if match and pid1.strip() == "systemd" else None


_PENDING = re.compile(r"\((pending|staged)\)\s*$", re.MULTILINE)


def reboot_reason(sections: Mapping[str, str]) -> str:
    """Debian's /run/reboot-required with its packages, or an OSTree deployment that waits for the next boot."""
    first, _, packages = sections.get("reboot", "").partition("\n")
    names = sorted({one_line(name) for name in packages.split("\n") if name.strip()})
    if first == "packages":
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"updated packages: {', '.join(names[:5])}{more}"[:MAX_TEXT] if names else "updated packages"
    ostree = sections.get("ostree", "")
    if "\nstaged\n" in f"\n{ostree}\n" or _PENDING.search(ostree):
        return "a new OS deployment waits for the next boot"
    return ""


def parse_clock(text: str) -> tuple[float, float] | None:
    """`date +%s.%N` and its resolution. Busybox knows whole seconds only and prints "17.%N": the middle of it, then."""
    text = text.strip()
    whole = text.removesuffix(".%N")
    value = seconds(whole)
    if value is None:
        return None
    return (value, 0.0) if "." in whole else (value + 0.5, 0.5)


def clock_skew(told: Mapping[str, str], asked: float, took: float) -> tuple[float | None, float]:
    """The host's clock minus Vigie's, and by how much that may be wrong.

    As in NTP: the host tells its time first and last, so only what the answer spent on the way is uncertain.
    """
    first, last = parse_clock(told.get("time", "")), parse_clock(told.get("time_end", ""))
    if first is None or last is None:
        return None, 0.0
    on_host = max(0.0, last[0] - first[0])
    skew = (first[0] - asked + last[0] - (asked + took)) / 2
    return skew, max(0.0, took - on_host) / 2 + first[1]


def parse_facts(text: str, *, asked: float, took: float) -> Facts:
    """`asked`: Vigie's wall clock when the script was started; `took`: seconds until it ended."""
    told = sections_of(text)
    system = parse_os_release(told.get("os", ""))
    uptime = seconds(told.get("uptime", "").partition(" ")[0])
    cores, model = parse_cpuinfo(told.get("cpuinfo", ""))
    memory = memory_of(parse_meminfo(told.get("meminfo", "")))
    skew, error = clock_skew(told, asked, took)
    return Facts(
        os_id=system.get("ID", "linux"),
        os_like=tuple(system.get("ID_LIKE", "").split()),
        os_name=system.get("PRETTY_NAME") or system.get("NAME", "Linux"),
        os_version=system.get("VERSION_ID", ""),
        machine_id=machine_id(told),
        hostname=one_line(told.get("hostname", "")),
        kernel=one_line(told.get("kernel", "")),
        architecture=one_line(told.get("architecture", "")),
        boot_id=one_line(told.get("boot_id", "")),
        booted_at=None if uptime is None else asked + took / 2 - uptime,
        uptime=uptime,
        cores=cores,
        cpu_model=model,
        memory=memory.total if memory else None,
        virtualisation=one_line(told.get("virtualisation", "")) or None,
        vendor=one_line(told.get("vendor", "")),
        product=one_line(told.get("product", "") or told.get("model", "")),
        clock_skew=skew,
        clock_error=error,
        systemd=parse_systemd(told.get("systemd", ""), told.get("pid1", "")),
        tools=frozenset(told.get("tools", "").split()) & frozenset(TOOLS),
        ostree=told.get("ostree", "").startswith("booted"),
        reboot_reason=reboot_reason(told),
        problems=problems_of(told),
    )


def machine_id(told: Mapping[str, str]) -> str:
    """32 hexadecimal digits (machine-id(5)), else empty."""
    found = one_line(told.get("machine_id", ""))
    return found if re.fullmatch(r"[0-9a-f]{32}", found) else ""


def problems_of(told: Mapping[str, str]) -> tuple[str, ...]:
    """What every Linux host tells and this one does not, in words for a page."""
    checks = (
        ("its clock", parse_clock(told.get("time", "")) is not None),
        ("/etc/os-release", "ID" in parse_os_release(told.get("os", ""))),
        ("/etc/machine-id", bool(machine_id(told))),
        ("its uptime", seconds(told.get("uptime", "").partition(" ")[0]) is not None),
        ("its memory", bool(numbers(told.get("meminfo", "").split()[1:2] or ["?"]))),
        ("its processors", parse_cpuinfo(told.get("cpuinfo", ""))[0] is not None),
    )
    return tuple(f"{what} could not be read" for what, fine in checks if not fine)
