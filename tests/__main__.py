"""Everything that must hold, in one command: `python3 manage.py test [pytest's arguments]`.

Makes what the tests need (Debian packages, the lab hosts' image), then runs the linters, the type checker, the layers'
contracts and pytest. With CI=true nothing may be left out: a skipped test is a failure (tests/conftest.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from console.installation import SetUpFailed, apt_install
from tests.completeness import NO_SKIPS
from tests.lab import image

# Commands that tests need beside the lab's, and the Debian package that has each.
NEEDS = {
    "chromium": "chromium",
    "git": "git",
    "dbus-daemon": "dbus-daemon",
    "busybox": "busybox-static",
} | image.NEEDS
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy", "console", "hosts", "containers", "manage.py"],
    "import-linter": ["lint-imports"],
}
# Most tests wait for a host or a browser: two halves at once need little more time than the longer one.
HALVES = {"pytest": ["tests", "--ignore=tests/browser"], "pytest, browser": ["tests/browser"]}


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    passed: bool
    seconds: float


def main(arguments: Sequence[str]) -> int:
    """With arguments for pytest the checks are left out: somebody is after certain tests."""
    if arguments:
        return summary([*prepare(), measured("pytest", lambda: run(pytest_argv(*arguments)))])
    return summary(prepare() + [check(name) for name in CHECKS] + halves())


def pytest_argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "--durations=15", *arguments]


def halves() -> list[Outcome]:
    """Both at once. What the browser's half prints is shown after the other's, whole."""
    with tempfile.TemporaryFile("w+") as told, ThreadPoolExecutor() as pool:
        beside = pool.submit(one_half, "pytest, browser", told)
        outcomes = [one_half("pytest"), beside.result()]
        told.seek(0)
        shutil.copyfileobj(told, sys.stdout)
    return outcomes


def one_half(name: str, told: IO[str] | None = None) -> Outcome:
    argv = pytest_argv("-p", "no:cacheprovider", *HALVES[name])
    return measured(name, lambda: run(argv, told))


def prepare() -> list[Outcome]:
    """Without root the tests that need real hosts are left out, and say so."""
    if os.geteuid():
        say("Not root: tests with real hosts are skipped.")
        return []
    return [measured("Debian packages", install_packages), measured("lab image", build_image)]


def install_packages() -> bool:
    missing = sorted({package for command, package in NEEDS.items() if not shutil.which(command)})
    if missing:
        apt_install(missing)
    return True


def build_image() -> bool:
    image.build()
    return True


def check(name: str) -> Outcome:
    command, *arguments = CHECKS[name]
    return measured(name, lambda: run([str(Path(sys.executable).parent / command), *arguments]))


def run(argv: Sequence[str], told: IO[str] | None = None) -> bool:
    say(f"$ {Path(argv[0]).name} {' '.join(argv[1:])}")
    return subprocess.call(argv, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=environment()) == 0


def environment() -> dict[str, str]:
    """Without a console's settings, since tests have their own, and without CI, which makes pytest print without end."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("VIGIE_", "DJANGO_"))}
    return kept | {NO_SKIPS: "1"} if kept.pop("CI", "") == "true" else kept


def measured(name: str, work: Callable[[], bool]) -> Outcome:
    began = time.monotonic()
    try:
        passed = work()
    except (SetUpFailed, image.LabError, subprocess.CalledProcessError) as error:
        say(f"{name}: {error}")
        passed = False
    return Outcome(name, passed, time.monotonic() - began)


def summary(outcomes: Sequence[Outcome]) -> int:
    say("")
    for outcome in outcomes:
        say(f"{'ok    ' if outcome.passed else 'FAILED'}  {outcome.name:<16} {outcome.seconds:6.1f} s")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
