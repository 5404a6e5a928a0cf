"""`vigie`, `python3 manage.py` and `python3 -m console`: sets up what is missing, then Django's commands.

Nothing but the standard library may be imported before the environment stands.
"""

from __future__ import annotations

import os
import sys

from console import installation, launch

DEVELOPMENT = {"test", "lab", "makemigrations"}


def main() -> None:
    try:
        run(sys.argv)
    except (installation.SetUpFailed, launch.CannotStart) as error:
        sys.exit(f"vigie: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(argv: list[str]) -> None:
    command = argv[1] if len(argv) > 1 else "help"
    if installation.is_checkout():
        installation.ensure(development=command in DEVELOPMENT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    arguments = argv if command == "test" else launch.settle(argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    main()
