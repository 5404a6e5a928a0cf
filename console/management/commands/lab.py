"""`manage.py lab ...`: test hosts from a shell; see tests/lab/."""

from __future__ import annotations

import subprocess
import sys

from django.core.management.base import BaseCommand

from console import installation


class Command(BaseCommand):
    help = "Start, break and remove test hosts (build, up, shell, freeze, thaw, down, list, clean)."

    def run_from_argv(self, argv: list[str]) -> None:
        if not installation.is_checkout():
            sys.exit("vigie: The lab is in a checkout of Vigie, not in an installed one.")
        sys.exit(subprocess.call([sys.executable, "-m", "tests.lab", *argv[2:]], cwd=installation.ROOT))
