"""`manage.py signin [USER]`: a fresh link for whoever lost the way in."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console import address, database, firststart
from console.models import User


class Command(BaseCommand):
    help = "Print a link that signs a user in once, within 15 minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="the user's name (default: the first admin)")

    def handle(self, *args: Any, **options: Any) -> None:
        database.require_current()
        self.stdout.write(address.signin_link(self.user(options["user"])))

    def user(self, name: str | None) -> User:
        if name is None:
            found = (
                firststart.first_admin() or User.objects.filter(role=User.Role.ADMIN, is_active=True).first()
            )
        else:
            found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            raise CommandError(f"There is no active user {name!r}." if name else "There is no active admin.")
        return found
