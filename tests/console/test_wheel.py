"""A built wheel serves by itself: no checkout, no node."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from console import installation

pytestmark = pytest.mark.served
ROOT = installation.ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tracked files, as a clone has them, and static/vendor/ as set-up built it."""
    clone = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes((ROOT / name).read_bytes())
    (clone / "static").mkdir(exist_ok=True)
    (clone / "static/vendor").symlink_to(ROOT / "static/vendor")
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*argv, "--wheel-dir", str(clone / "dist"), str(clone)], check=True, capture_output=True)
    return next((clone / "dist").glob("vigie-*.whl"))


def test_it_carries_every_file_of_the_apps_and_the_front_end(wheel: Path) -> None:
    present = set(zipfile.ZipFile(wheel).namelist())
    folders = ["console", "hosts", "containers", "templates", "static"]
    listed = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    wanted = {re.sub(r"^(templates|static)/", r"console/assets/\1/", name) for name in listed.splitlines()}
    wanted |= {
        f"console/assets/static/vendor/{name}" for name in ("patternfly.css", "xterm.js", "uPlot.iife.min.js")
    }
    assert not wanted - present


def test_it_has_no_tests(wheel: Path) -> None:
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tests/")]


def test_installed_it_serves_and_keeps_its_data_elsewhere(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    argv = [sys.executable, "-c", "from console.__main__ import main; main()", "up", "--listen", "127.0.0.1:0"]
    refused = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.stderr == "vigie: --listen: '127.0.0.1:0' is not HOST:PORT.\n"
    show = [sys.executable, "-c", SHOW]
    environment["STATE_DIRECTORY"] = str(tmp_path / "state")
    shown = subprocess.run(show, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [
        str(tmp_path / "state"),
        str(tmp_path / "site/console/assets/static/vendor/xterm.js"),
    ]


SHOW = """
import os; os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
import django; django.setup()
from django.conf import settings
from django.contrib.staticfiles import finders
print(settings.DATA_DIR, finders.find("vendor/xterm.js"))
"""
