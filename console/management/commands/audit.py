"""`manage.py audit verify|export`: is the log what was written, and the log itself."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from console import audit, database
from console.models import AuditEntry


class Command(BaseCommand):
    help = "Verify the audit log's chain, or write the log to standard output as JSON lines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("verify", "export"))

    def handle(self, *_: Any, action: str, **__: Any) -> None:
        database.require_current()
        if action == "export":
            self._export()
        else:
            self._verify()

    def _verify(self) -> None:
        verdict = audit.verify()
        if verdict.broken:
            self.stderr.write(
                f"Broken at entry {verdict.broken.entry_id}: {verdict.broken.reason}. "
                f"The {verdict.entries} entries before it hold."
            )
            sys.exit(1)
        self.stdout.write(f"All {verdict.entries} entries hold. The newest one's digest: {verdict.head}")

    def _export(self) -> None:
        for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1000):
            self.stdout.write(json.dumps(audit.facts(entry)))
