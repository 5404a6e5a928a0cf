"""The lab from a shell: hosts that stay until they are taken down.

python -m tests.lab build               make the image (a minute, once a recipe)
python -m tests.lab up NAME...          start hosts, print how to reach each
python -m tests.lab shell NAME [CMD]    run a command there (or a shell), around SSH
python -m tests.lab freeze|thaw NAME    stop the host's time, and let it go on
python -m tests.lab down NAME...        remove hosts
python -m tests.lab list                every lab host of this machine
python -m tests.lab clean               remove your hosts, those of dead runs, disks and images
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tests.lab import image
from tests.lab.hosts import Lab, LabHost, cli_owner, exists, found, sweep
from tests.lab.image import LabError, call


def command_line() -> Lab:
    return Lab("cli", owned_by=cli_owner())


def up(names: Sequence[str]) -> None:
    lab = command_line()
    missing = [name for name in names if not exists(lab.container(name))]
    lab.begin(*missing)
    for name in names:
        host = lab.start(name)[0] if name in missing else found(name, lab.container(name))
        say(host)


def say(host: LabHost) -> None:
    print(f"{host.name}  {host.address}  ssh -i {host.key_path} root@{host.address}")


def clean() -> None:
    lab = command_line()
    sweep()
    lab.close()
    image.forget()


def shell(name: str, command: Sequence[str]) -> None:
    argv = ["podman", "exec", "-it", command_line().container(name), *(command or ["bash"])]
    if command:
        argv.remove("-it")
    os.execvp("podman", argv)


def main(argv: Sequence[str]) -> int:
    match argv:
        case ["build"]:
            print(image.build())
        case ["up", _, *_]:
            up(argv[1:])
        case ["os", name]:
            say(command_line().boot_ostree(name))
        case ["shell", name, *command]:
            shell(name, command)
        case ["freeze" | "thaw" as verb, name]:
            call(["podman", "pause" if verb == "freeze" else "unpause", command_line().container(name)])
        case ["down", _, *_]:
            for name in argv[1:]:
                command_line().down(name)
        case ["list"]:
            print(call(["podman", "ps", "--all", "--filter", "label=vigie-lab"]), end="")
        case ["clean"]:
            clean()
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
