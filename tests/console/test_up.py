"""`manage.py up` as a user starts it: a process of its own, asked over HTTP, ended by signals."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import installation

pytestmark = pytest.mark.served
ROOT = installation.ROOT
READY = re.compile(r"Vigie serves on (\S+)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(*arguments: str, data: Path) -> subprocess.Popen[str]:
    argv = [
        sys.executable,
        "-W",
        "error::ResourceWarning",
        str(ROOT / "manage.py"),
        *arguments,
        "--data",
        str(data),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("VIGIE_", "DJANGO_"))}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read_until(process: subprocess.Popen[str], pattern: re.Pattern[str]) -> str:
    """All output up to a line that matches; the test fails when the process ends before."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if pattern.search(line):
            return "".join(lines)
    raise AssertionError("ended early:\n" + "".join(lines))


@contextmanager
def serving(
    data: Path, *arguments: str, until: re.Pattern[str] = READY
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("up", *(arguments or ("--listen", f"127.0.0.1:{free_port()}")), data=data)
    try:
        yield process, read_until(process, until)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def refusal(data: Path, *arguments: str) -> str:
    """What it says when it does not start: one line, and no traceback."""
    process = start("up", *arguments, data=data)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    lines = output.splitlines()
    assert len(lines) == 1, output
    assert lines[0].startswith("vigie: ")
    return lines[0]


@pytest.fixture(scope="module")
def first_output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder that has served once, and what was said then."""
    data = tmp_path_factory.mktemp("vigie") / "data"
    with serving(data, until=re.compile(r"/signin/")) as (_, output):
        return data, output


@pytest.fixture
def prepared(first_output: tuple[Path, str]) -> Path:
    return first_output[0]


def get(url: str, context: ssl.SSLContext | None = None) -> int:
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        return int(answer.status)


def test_the_first_start_adds_this_machine_and_prints_a_link(first_output: tuple[Path, str]) -> None:
    data, output = first_output
    assert re.match(r"Added this machine as \S+\nVigie serves on (http://127\.0\.0\.1:\d+) ", output)
    assert re.search(
        r"Sign in as admin \(once, within 15 minutes\):\n  http://\S+/signin/[\w-]{43}/\n$", output
    )
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_later_start_takes_less_than_three_seconds_of_work(prepared: Path) -> None:
    """Its own CPU time, since this machine may be busy with other tests."""
    with serving(prepared) as (process, _):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        assert (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") < 3


def test_static_files_are_served_compressed(prepared: Path) -> None:
    with serving(prepared) as (_, output):
        url = READY.search(output).group(1) + "/static/vendor/patternfly.css"
        request = urllib.request.Request(url, headers={"Accept-Encoding": "br"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["Content-Encoding"] == "br"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_cleanly(prepared: Path, number: signal.Signals) -> None:
    with serving(prepared) as (process, output):
        with socket.create_connection(
            ("127.0.0.1", int(output.split(" (")[0].rpartition(":")[2]))
        ):  # kept open
            process.send_signal(number)
            rest, _ = process.communicate(timeout=20)
        assert process.returncode == 0, rest
        assert "Traceback" not in rest
        assert rest.endswith("Ended.\n")


def test_a_second_signal_does_not_break_into_the_end(prepared: Path) -> None:
    with serving(prepared) as (process, _):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
        assert process.returncode == 0, rest


def test_beyond_loopback_it_serves_over_tls_and_says_the_fingerprint(prepared: Path) -> None:
    fingerprint = re.compile(r"SHA-256 fingerprint is ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})")
    port = free_port()
    with serving(prepared, "--listen", f"0.0.0.0:{port}", until=fingerprint) as (_, output):
        assert "https://" in output
        certificate = prepared / "tls/certificate.pem"
        trusting = ssl.create_default_context(cafile=str(certificate))
        assert get(f"https://127.0.0.1:{port}/static/vendor/xterm.css", trusting) == 200
    assert (prepared / "tls/key.pem").stat().st_mode & 0o777 == 0o600


def test_signin_prints_a_link_to_the_running_console(prepared: Path) -> None:
    with serving(prepared) as (_, output):
        link, _ = start("signin", data=prepared).communicate(timeout=30)
        assert re.fullmatch(re.escape(READY.search(output).group(1)) + r"/signin/[\w-]{43}/\n", link)
        assert get(link.strip()) == 200


def test_signin_for_nobody(prepared: Path) -> None:
    process = start("signin", "nobody", data=prepared)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output == "CommandError: There is no active user 'nobody'.\n"


@pytest.mark.parametrize("command", ["hosts list", "users list", "audit verify", "signin"])
def test_a_command_before_the_first_start_says_so_in_one_line(tmp_path: Path, command: str) -> None:
    process = start(*command.split(), data=tmp_path / "new")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("vigie: The database ")
    assert said.endswith("start Vigie once with `up`.\n")


def test_a_busy_port(prepared: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refusal(prepared, "--listen", f"127.0.0.1:{port}")
    assert line == f"vigie: Port {port} on 127.0.0.1 is in use. Give another: --listen 127.0.0.1:PORT"


def test_an_address_of_another_machine(prepared: Path) -> None:
    assert "is not an address of this machine" in refusal(prepared, "--listen", "192.0.2.1:8000")


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:http", "127.0.0.1:0", "127.0.0.1:70000", ":"])
def test_no_address_at_all(tmp_path: Path, listen: str) -> None:
    assert f"--listen: {listen!r} is not HOST:PORT" in refusal(tmp_path, "--listen", listen)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file in the way, since root may write into every folder."""
    (tmp_path / "file").touch()
    assert "cannot be written to: Not a directory" in refusal(tmp_path / "file" / "data")


def test_a_certificate_that_is_none(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("hello")
    assert "holds no private key" in refusal(prepared, "--tls-cert", str(tmp_path / "cert.pem"))
    assert "cannot be read: No such file" in refusal(prepared, "--tls-cert", str(tmp_path / "missing.pem"))


def database(data: Path) -> sqlite3.Connection:
    return sqlite3.connect(data / "vigie.sqlite3", isolation_level=None)


def copy_of(prepared: Path, tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    source, target = database(prepared), database(data)
    source.backup(target)
    source.close()
    target.close()
    (data / "static").symlink_to(prepared / "static")  # collected already
    (data / "static.stamp").write_text((prepared / "static.stamp").read_text())
    return data


def test_a_database_of_a_newer_version_is_refused(prepared: Path, tmp_path: Path) -> None:
    data = copy_of(prepared, tmp_path)
    connection = database(data)
    connection.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('hosts', '9999_later', '2031-01-01')"
    )
    connection.close()
    assert "was written by a newer Vigie (hosts.9999_later is unknown here)" in refusal(data)


def test_a_database_of_an_older_version_is_copied_and_brought_up_to_date(
    prepared: Path, tmp_path: Path
) -> None:
    data = copy_of(prepared, tmp_path)
    migrate = start("migrate", "usersessions", "zero", data=data)
    assert migrate.communicate(timeout=60) and migrate.returncode == 0
    with serving(data) as (_, output):
        assert "The older database was brought up to date; a copy is kept as " in output
    (copy,) = (data / "backups").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_file_that_is_no_database(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "vigie.sqlite3").write_text(
        "This is not a database, but long enough to be looked at as one." * 99
    )
    assert "file is not a database" in refusal(tmp_path)
