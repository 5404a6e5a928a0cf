"""`manage.py test [pytest's arguments]`: makes what the tests need, then runs the checks and all tests."""

from __future__ import annotations

import subprocess
import sys

from django.core.management.base import BaseCommand

from console import installation


class Command(BaseCommand):
    help = "Set up what the tests need, then run ruff, mypy, import-linter and pytest (its arguments are passed on)."

    def run_from_argv(self, argv: list[str]) -> None:
        """Everything after `test` is pytest's, so nothing of it is parsed here."""
        if not installation.is_checkout():
            sys.exit("vigie: The tests are in a checkout of Vigie, not in an installed one.")
        sys.exit(subprocess.call([sys.executable, "-m", "tests", *argv[2:]], cwd=installation.ROOT))
