"""From a clone to a working environment, and back to one after every kind of interruption."""

import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from console import installation
from console.installation import DEVELOPMENT_LOCK, LOCK, Environment, SetUpFailed

ROOT = installation.ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose dependencies need no network: none."""
    for name in (LOCK, DEVELOPMENT_LOCK):
        (tmp_path / name).write_text("# nothing\n")
    return tmp_path


@pytest.fixture
def environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Its pip is slow to start and has nothing to install, so it only records what it was asked for."""
    made = Environment(root)
    made.asked = []
    monkeypatch.setattr(made, "pip", lambda *arguments: made.asked.append(arguments[-1]))
    return made


@pytest.fixture(autouse=True, scope="module")
def quick_venv() -> None:
    """`venv` without pip is made in a tenth of a second; the whole of it is tried by CI's own set-up."""
    original = installation.call

    def call(argv, *rest):
        return original([*argv[:3], "--without-pip", *argv[3:]] if argv[1:3] == ["-m", "venv"] else argv, *rest)

    installation.call = call
    yield
    installation.call = original


def names(lock: str) -> dict[str, str]:
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.M)
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_lock_files_fulfil_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    for lock, wanted in ((LOCK, runtime), (DEVELOPMENT_LOCK, runtime + project["dependency-groups"]["dev"])):
        pinned = names(lock)
        for requirement in map(Requirement, wanted):
            version = pinned.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} is not in {lock}: make it anew, as pyproject.toml says"
            assert requirement.specifier.contains(version), f"{lock} has {requirement.name} {version}"


def test_development_and_runtime_have_the_same_versions() -> None:
    assert names(LOCK).items() <= names(DEVELOPMENT_LOCK).items()


@pytest.mark.parametrize("lock", [LOCK, DEVELOPMENT_LOCK, "package-lock.json"])
def test_lock_files_name_versions_and_hashes_but_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?://|file:|--(extra-)?index|--find-links|resolved|\s/", text)


def test_it_is_made_once(environment: Environment) -> None:
    environment.ensure(LOCK)
    environment.ensure(LOCK)
    assert environment.asked == [str(environment.root / LOCK)]
    assert environment.python.exists()


def test_a_newer_lock_is_installed_into_the_same_environment(environment: Environment) -> None:
    environment.ensure(LOCK)
    (environment.folder / "kept").touch()
    (environment.root / LOCK).write_text("# something else\n")
    environment.ensure(LOCK)
    assert len(environment.asked) == 2
    assert (environment.folder / "kept").exists()


def test_development_brings_what_running_needs(environment: Environment) -> None:
    environment.ensure(DEVELOPMENT_LOCK)
    environment.ensure(LOCK)
    assert environment.asked == [str(environment.root / DEVELOPMENT_LOCK)]


def test_running_alone_does_not_suffice_for_development(environment: Environment) -> None:
    environment.ensure(LOCK)
    environment.ensure(DEVELOPMENT_LOCK)
    assert len(environment.asked) == 2


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_set_up_is_made_anew(environment: Environment, monkeypatch, failing: int) -> None:
    if failing == 2:  # the first install works, the one of a newer lock fails
        environment.ensure(LOCK)
        (environment.root / LOCK).write_text("# newer\n")

    def fail(*_: str) -> None:
        raise SetUpFailed("no network")

    with monkeypatch.context() as patch:
        patch.setattr(environment, "pip", fail)
        with pytest.raises(SetUpFailed):
            environment.ensure(LOCK)
    (environment.folder / "half").touch()
    environment.ensure(LOCK)
    assert not (environment.folder / "half").exists()
    assert environment.is_current(LOCK)


def test_an_environment_whose_python_is_gone_is_made_anew(environment: Environment) -> None:
    environment.ensure(LOCK)
    environment.python.unlink()
    environment.ensure(LOCK)
    assert environment.python.exists()


def test_an_environment_of_another_python_version_is_made_anew(environment: Environment) -> None:
    environment.ensure(LOCK)
    libraries = environment.folder / "lib" / f"python3.{sys.version_info.minor}"
    libraries.rename(libraries.with_name("python3.9"))
    environment.ensure(LOCK)
    assert libraries.is_dir()


def test_two_at_once_install_once(environment: Environment) -> None:
    threads = [threading.Thread(target=environment.ensure, args=(LOCK,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(environment.asked) == 1


def test_a_linked_environment_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / ".venv").symlink_to(tmp_path / "elsewhere")
    assert Environment(root).is_managed_elsewhere()


def test_without_debians_venv_and_root_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetUpFailed, match=rf"apt install python3\.{sys.version_info.minor}-venv$"):
        installation.need_venv()


def test_a_failed_step_shows_its_words_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetUpFailed, match=r"^It failed"):
        installation.call(["sh", "-c", "echo why; exit 3"], "It failed")
    assert capsys.readouterr().err == "why\n"


def test_vendored_files_are_built_anew_when_the_lock_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    monkeypatch.setattr(installation, "_install_packages", lambda *_: None)
    monkeypatch.setattr(
        installation.vendor, "build", lambda _, target: (target.mkdir(parents=True), built.append(target))
    )
    (root / "package-lock.json").write_text("{}")
    environment = Environment(root)
    installation.ensure_vendor(root, environment)
    installation.ensure_vendor(root, environment)
    assert len(built) == 1
    (root / "package-lock.json").write_text('{"name": "newer"}')
    installation.ensure_vendor(root, environment)
    assert len(built) == 2


def test_an_old_python_is_told_so() -> None:
    source = (ROOT / "manage.py").read_text()
    old = source.replace("sys.version_info < (3, 11)", "sys.version_info < (3, 99)")
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert re.fullmatch(r"vigie: Python 3\.11 or newer is needed; this is Python \S+\n", done.stderr)


def test_the_bootstrap_stands_on_the_standard_library() -> None:
    """-I -S: without site-packages."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import console.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)
