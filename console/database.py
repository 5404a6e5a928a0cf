"""Brings the database to this version of Vigie, keeping a copy of an older one, and refuses a newer one."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from console.launch import CannotStart

KEPT_BACKUPS = 5


def prepare() -> str:
    """Migrate where needed. Gives a line that says what was done, "" when nothing was."""
    try:
        return _prepare()
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise CannotStart(
            f"The database {name()} cannot be used: {error}. Backups are in {backups()}."
        ) from error


def _prepare() -> str:
    executor = MigrationExecutor(connection)
    applied = executor.loader.applied_migrations
    refuse_newer(set(applied), set(executor.loader.disk_migrations))
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return ""
    copy = back_up() if applied else None
    call_command("migrate", interactive=False, verbosity=0)
    return f"The older database was brought up to date; a copy is kept as {copy}" if copy else ""


def require_current() -> None:
    """For commands beside `up`: they never migrate, since a running console may be using the database."""
    executor = MigrationExecutor(connection)
    refuse_newer(set(executor.loader.applied_migrations), set(executor.loader.disk_migrations))
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CannotStart(
            f"The database {name()} is not made or not up to date yet: start Vigie once with `up`."
        )


def refuse_newer(applied: set[tuple[str, str]], known: set[tuple[str, str]]) -> None:
    """Migrations of our own apps that this version does not have were made by a later one."""
    ours = {
        label for label, config in apps.app_configs.items() if config.name in {"console", "hosts", "containers"}
    }
    unknown = sorted(f"{app}.{migration}" for app, migration in applied - known if app in ours)
    if unknown:
        raise CannotStart(
            f"The database {name()} was written by a newer Vigie ({unknown[-1]} is unknown here). "
            f"Start that version, or put a copy from {backups()} in its place."
        )


def back_up() -> Path | None:
    """A copy of an SQLite database, consistent even while it is written to. Servers have backups of their own."""
    if connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]
        return None
    backups().mkdir(mode=0o700, exist_ok=True)
    target = backups() / f"vigie-{datetime.now(UTC):%Y%m%dT%H%M%S}.sqlite3"
    connection.ensure_connection()
    copy = sqlite3.connect(target)
    try:
        connection.connection.backup(copy)
    finally:
        copy.close()
    target.chmod(0o600)
    for old in sorted(backups().glob("vigie-*.sqlite3"))[:-KEPT_BACKUPS]:
        old.unlink()
    return target


def backups() -> Path:
    return Path(settings.DATA_DIR) / "backups"


def name() -> str:
    return str(settings.DATABASES["default"]["NAME"])
