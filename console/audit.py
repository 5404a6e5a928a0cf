"""The append-only, hash-chained audit log.

Each entry's digest is SHA-256 over the entry's canonical JSON and the digest before it, so an edited, removed or
reordered row breaks the chain at that place. Database triggers refuse UPDATE and DELETE besides. Secrets never come here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.utils import timezone

from console.models import AuditEntry

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold."""

    entry_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    entries: int
    head: str
    broken: Break | None


def record(
    action: str, *, actor: str, target: str = "", ip: str = "", detail: dict[str, Any] | None = None
) -> AuditEntry:
    """Append one entry. Call it in the transaction of what it records."""
    with transaction.atomic():
        _take_turns()
        last = AuditEntry.objects.order_by("-id").values("id", "digest").first()
        entry = AuditEntry(
            id=last["id"] + 1 if last else 1,
            at=timezone.now(),
            actor=plain(actor)[:150],
            ip=ip[:45],
            action=action,
            target=plain(target)[:600],
            detail=plain(detail or {}),
        )
        entry.digest = digest(entry, last["digest"] if last else GENESIS)
        entry.save(force_insert=True)
    return entry


arecord = sync_to_async(record)


def _take_turns() -> None:
    """The next entry needs the digest of the last. SQLite's transactions begin with the write lock (IMMEDIATE)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('vigie audit'))")


def plain(value: Any) -> Any:
    """A text (or what a JSON field holds of them) as every database can hold it: no NUL, no half of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def digest(entry: AuditEntry, before: str) -> str:
    content = [entry.pk, canonical(entry.at), entry.actor, entry.ip, entry.action, entry.target, entry.detail]
    line = json.dumps([before, *content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def facts(entry: AuditEntry) -> dict[str, Any]:
    """The entry as it is exported, with all that its digest covers."""
    fields = ("actor", "ip", "action", "target", "detail", "digest")
    return {"id": entry.pk, "at": canonical(entry.at)} | {name: getattr(entry, name) for name in fields}


def canonical(at: datetime) -> str:
    return at.astimezone(timezone.get_default_timezone()).isoformat(timespec="microseconds")


def verify() -> Verdict:
    """Walk the whole chain; the first entry that does not hold is named."""
    before, count, expected = GENESIS, 0, 1
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1000):
        if entry.pk != expected:
            return Verdict(count, before, Break(expected, f"entry {expected} is missing"))
        if digest(entry, before) != entry.digest:
            return Verdict(count, before, Break(entry.pk, "its content does not match its digest"))
        before, count, expected = entry.digest, count + 1, expected + 1
    return Verdict(count, before, None)
