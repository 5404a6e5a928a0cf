"""What a host says it is: this machine, and texts no machine should send."""

from __future__ import annotations

import platform
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import Failed
from hosts.facts import parse_facts, parse_os_release, read_facts, sections_of
from hosts.transport.base import Completed, Target

SHELLS = [["sh"], ["busybox", "sh"]]


class ThisMachine:
    """Runs argv here."""

    target = Target(id=1, name="here", kind="local")

    def __init__(self, shell=("sh",), output: bytes | None = None):
        self.shell = shell
        self.output = output

    async def run(self, argv, *, stdin=b"", timeout=30.0, limit=0, as_user=""):
        if self.output is not None:
            return Completed(127, self.output, b"sh: not found")
        done = subprocess.run([*self.shell, *argv[1:]], capture_output=True, timeout=timeout, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_this_machine(shell):
    facts = await read_facts(ThisMachine(shell))
    assert facts.kernel == platform.release()
    assert facts.hostname == platform.node()
    assert facts.architecture == platform.machine()
    assert facts.os_id and facts.os_name
    assert facts.cores >= 1 and facts.memory > 2**20
    assert len(facts.machine_id) == 32 and len(facts.boot_id) == 36
    assert abs(facts.clock_skew) <= facts.clock_error + 0.05
    assert facts.problems == ()


async def test_a_host_without_a_shell():
    with pytest.raises(Failed, match="127"):
        await read_facts(ThisMachine(output=b"This account is currently not available.\n"))


def told(**sections: str) -> str:
    return "".join(f"@vigie {name}\n{text}\n" for name, text in sections.items())


def facts_of(**sections: str):
    return parse_facts(told(**sections), asked=1000.0, took=0.5)


def test_os_release_quotes_and_escapes():
    text = '# comment\nID=fedora\nPRETTY_NAME="A \\"B\\" \\$C"\nNAME=\'D E\'\nbad line\nVERSION_ID="42"\n'
    assert parse_os_release(text) == {
        "ID": "fedora",
        "PRETTY_NAME": 'A "B" $C',
        "NAME": "D E",
        "VERSION_ID": "42",
    }


def test_the_clock_is_compared_as_in_ntp():
    """Told at 1010.1 and 1010.4 host time, asked at 1000.0, back at 1000.5: 10 s ahead, sure to 0.1 s."""
    facts = facts_of(time="1010.1", time_end="1010.4")
    assert facts.clock_skew == pytest.approx(10.0)
    assert facts.clock_error == pytest.approx(0.1)


def test_a_clock_of_whole_seconds_is_less_certain():
    facts = facts_of(time="1000.%N", time_end="1000.%N")
    assert facts.clock_skew == pytest.approx(0.25)
    assert facts.clock_error == pytest.approx(0.75)


def test_without_a_clock_there_is_no_skew_but_a_problem():
    facts = facts_of(time="date: not found")
    assert facts.clock_skew is None
    assert "its clock could not be read" in facts.problems


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({}, ""),
        ({"reboot": "packages"}, "updated packages"),
        ({"reboot": "packages\nlinux-image\nlibc6\nlibc6"}, "updated packages: libc6, linux-image"),
        ({"reboot": "packages\n" + "\n".join("abcdefg")}, "updated packages: a, b, c, d, e and 2 more"),
        ({"ostree": "booted\nstaged"}, "a new OS deployment waits for the next boot"),
        (
            {"ostree": "booted\n  lab 1f.0 (pending)\n* lab 0e.0"},
            "a new OS deployment waits for the next boot",
        ),
        ({"ostree": "booted\n* lab 0e.0\n  lab 1f.0 (rollback)"}, ""),
    ],
)
def test_a_pending_restart(sections, reason):
    assert facts_of(**sections).reboot_reason == reason


def test_systemd_counts_only_as_process_1():
    assert facts_of(systemd="systemd 257 (257.13)\n+PAM", pid1="systemd\n").systemd == 257
    assert facts_of(systemd="systemd 257 (257.13)", pid1="init").systemd is None
    assert facts_of(systemd="", pid1="systemd").systemd is None


def test_names_from_firmware_and_files_are_one_printable_line():
    facts = facts_of(vendor="\x1b[31mACME\x07 <b>\nsecond", hostname="a" * 9999, machine_id="../../etc")
    assert facts.vendor == "[31mACME <b>"
    assert len(facts.hostname) == 256
    assert facts.machine_id == ""


def test_only_tools_that_were_asked_for():
    assert facts_of(tools="podman\nrm -rf\ndocker").tools == {"podman", "docker"}


def test_a_board_without_dmi_has_a_model():
    assert facts_of(model="Raspberry Pi 5\0").product == "Raspberry Pi 5"


@given(st.text())
def test_any_text_is_no_exception(text):
    parse_facts(text, asked=0.0, took=0.0)
    names = ["time", "time_end", "os", "uptime", "cpuinfo", "meminfo", "systemd", "ostree", "reboot", "tools"]
    facts = parse_facts(told(**dict.fromkeys(names, text)), asked=0.0, took=0.0)
    assert all(len(value) <= 256 for value in (facts.os_name, facts.cpu_model, facts.reboot_reason))


@given(st.dictionaries(st.sampled_from(["os", "time", "vendor"]), st.text(alphabet="ab\n@ ")))
def test_sections_come_apart_as_they_were_put_together(parts):
    found = sections_of("greeting\n" + told(**parts))
    assert found.keys() == parts.keys()
