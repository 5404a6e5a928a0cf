"""`manage.py users list|add|role|link|enable|disable|sign-out|grant|revoke`: what the Access page does, from a shell."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console import address, database, users
from console.errors import ConsoleError
from console.forms import GrantForm, UserForm
from console.models import Grant, User

ACTOR = "console"  # who has a shell on this machine
ROLES = (*users.ROLES, "none")


class Command(BaseCommand):
    help = "List and change users, their roles and grants; make one-time sign-in links."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list")
        for verb in ("add", "role", "link", "enable", "disable", "sign-out", "grant", "revoke"):
            verbs.add_parser(verb).add_argument("name")
        verbs.choices["add"].add_argument("--role", choices=ROLES, default="none")
        verbs.choices["role"].add_argument("role", choices=ROLES)
        for verb in ("grant", "revoke"):
            verbs.choices[verb].add_argument("capability")
            verbs.choices[verb].add_argument("hosts", nargs="?", default="*")
            verbs.choices[verb].add_argument("names", nargs="?", default="*")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        database.require_current()
        try:
            getattr(self, f"_{verb.replace('-', '_')}")(**options)
        except ConsoleError as error:
            raise CommandError(f"{error.detail or error.title} {error.remedy}") from error

    def _list(self, **_: Any) -> None:
        for user in User.objects.order_by("username"):
            state = "" if user.is_active else "  disabled"
            self.stdout.write(f"{user.username}  {user.role or 'no role'}{state}")
            for grant in user.grants.all():
                self.stdout.write(f"    {users.sentence(grant.capability, grant.hosts, grant.names)}")

    def _add(self, name: str, role: str, **_: Any) -> None:
        form = UserForm({"name": name, "role": _role(role)})
        if not form.is_valid():
            raise CommandError(form.errors.as_text())
        users.create(name, _role(role), actor=ACTOR)
        self._link(name)

    def _link(self, name: str, **_: Any) -> None:
        self.stdout.write(address.signin_link(_user(name)))

    def _role(self, name: str, role: str, **_: Any) -> None:
        users.set_role(_user(name), _role(role), actor=ACTOR)

    def _enable(self, name: str, **_: Any) -> None:
        users.set_active(_user(name), True, actor=ACTOR)

    def _disable(self, name: str, **_: Any) -> None:
        users.set_active(_user(name), False, actor=ACTOR)

    def _sign_out(self, name: str, **_: Any) -> None:
        self.stdout.write(f"{users.end_sessions(_user(name), actor=ACTOR)} sessions ended.")

    def _grant(self, name: str, capability: str, hosts: str, names: str, **_: Any) -> None:
        form = GrantForm({"capability": capability, "hosts": hosts, "names": names})
        if not form.is_valid():
            raise CommandError(form.errors.as_text())
        users.add_grant(_user(name), capability, hosts, names, actor=ACTOR)
        self.stdout.write(users.sentence(capability, hosts, names))

    def _revoke(self, name: str, capability: str, hosts: str, names: str, **_: Any) -> None:
        grant = Grant.objects.filter(user=_user(name), capability=capability, hosts=hosts, names=names).first()
        if grant is None:
            raise CommandError("There is no such grant.")
        users.remove_grant(grant, actor=ACTOR)


def _user(name: str) -> User:
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist as error:
        raise CommandError(f"There is no user named {name}.") from error


def _role(role: str) -> str:
    return "" if role == "none" else role
