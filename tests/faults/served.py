"""`manage.py up` in a process of its own, with hosts and sessions, to be killed and started again."""

import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.browser.fleet import add_hosts
from tests.browser.server import ROOT, environment, first_start, free_port

READY = re.compile(r"Vigie serves on")


@dataclass
class Up:
    """A data folder and the process that serves it at present; `output`: all that was said."""

    data: object
    sessions: dict
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None
    output: str = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        argv = [sys.executable, "-W", "error::ResourceWarning", "manage.py", "up"]
        with (self.data / "errors.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)],
                cwd=ROOT,
                env=environment(self.data, "console.settings"),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        for line in self.process.stdout:
            self.output += line
            if READY.search(line):
                return
        raise AssertionError(self.output + self.errors())

    def errors(self):
        return (self.data / "errors.log").read_text()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self, number):
        """Its exit code."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.output += rest
        return self.process.returncode


def prepare(data, key_path, rows):
    """A data folder with these hosts."""
    up = Up(data, first_start(data))
    (data / "ssh").mkdir(mode=0o700)
    shutil.copy(key_path, data / "ssh" / "id_ed25519")
    add_hosts(data, rows)
    return up


@contextmanager
def serving(data, key_path, rows):
    up = prepare(data, key_path, rows)
    up.start()
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.kill()
