"""`manage.py hosts add|import|list|test|forget-key|remove`: the hosts of this console, from a shell."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from console import audit, database
from console.errors import ConsoleError, HostKeyUnknown
from hosts import diagnosis, fleet, inventories
from hosts.connections import KEY_PATH, target_of
from hosts.models import Host
from hosts.transport.keys import fingerprint
from hosts.transport.pool import opener


class Command(BaseCommand):
    help = "The hosts of this console: add, import, list, test, forget-key, remove."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="add a host that is reached over SSH")
        add.add_argument("name")
        add.add_argument("address")
        add.add_argument("--port", type=int, default=22)
        add.add_argument("--user", default="root")
        add.add_argument("--sudo", action="store_true", help="use sudo -n on the host")
        add.add_argument("--group", action="append", default=[], dest="groups")
        add.add_argument(
            "--accept-key",
            metavar="FINGERPRINT",
            default="",
            help="accept the host's key if it has this fingerprint",
        )
        many = verbs.add_parser("import", help="add the hosts of an ssh_config or an Ansible inventory")
        many.add_argument("file", type=Path)
        many.add_argument("--dry-run", action="store_true", help="only say what would be added")
        listing = verbs.add_parser("list", help="list the hosts")
        listing.add_argument("--json", action="store_true")
        for verb, text in (
            ("test", "connect now, and say step by step what works"),
            ("forget-key", "forget the accepted key of a host that was installed anew"),
            ("remove", "remove a host from this console; nothing is changed on it"),
        ):
            verbs.add_parser(verb, help=text).add_argument("name")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        database.require_current()
        try:
            getattr(self, verb.replace("-", "_") + "_")(**options)
        except ConsoleError as error:
            raise CommandError(f"{error.title}. {error.detail}\n{error.remedy}") from error

    def add_(self, name: str, address: str, accept_key: str, groups: list[str], **options: Any) -> None:
        facts = {field: options[field] for field in ("port", "user", "sudo")}
        host = Host(name=name, address=address, group_names=sorted(set(groups)), **facts)
        self._save(host)
        self.stdout.write(
            f"Added {host}. Let Vigie in with this line in ~/.ssh/authorized_keys of {host.user}:"
        )
        self.stdout.write(fleet.public_line())
        if accept_key:
            self._accept(host, accept_key)

    def _save(self, host: Host) -> None:
        try:
            host.full_clean()
        except ValidationError as error:
            said = "; ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())
            raise CommandError(f"{host.name[:80]!r} was not added: {said}") from error
        with transaction.atomic():
            audit.record(
                "hosts.add",
                actor="shell",
                target=host.name,
                detail={"address": host.address, "user": host.user},
            )
            host.save()

    def _accept(self, host: Host, expected: str) -> None:
        try:
            asyncio.run(self._connect(host))
        except HostKeyUnknown as shown:
            if shown.facts["fingerprint"] != expected:
                raise CommandError(
                    f"The host shows {shown.facts['fingerprint']}; its key was not accepted."
                ) from shown
            with transaction.atomic():
                audit.record(
                    "hosts.accept-key", actor="shell", target=host.name, detail={"fingerprint": expected}
                )
                Host.objects.filter(pk=host.pk).update(host_key=shown.facts["host_key"])
            self.stdout.write(f"Accepted {expected}.")

    async def _connect(self, host: Host) -> list[diagnosis.Finding]:
        transport = await opener(KEY_PATH)(target_of(host))
        try:
            return [finding async for finding in diagnosis.diagnose(transport)]
        finally:
            await transport.close()

    def import_(self, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            listed = inventories.parse(file.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        known = set(Host.objects.values_list("name", flat=True))
        for entry in listed:
            self._import_one(entry, known, dry_run)

    def _import_one(self, entry: inventories.Listed, known: set[str], dry_run: bool) -> None:
        if entry.name in known:
            self.stdout.write(f"{entry.name}: known already, left as it is")
            return
        host = Host(name=entry.name, address=entry.address, port=entry.port or 22, user=entry.user or "root")
        host.sudo, host.group_names = entry.sudo, sorted(entry.groups)
        try:
            host.full_clean() if dry_run else self._save(host)
        except (CommandError, ValidationError) as error:
            self.stderr.write(f"{entry.name[:80]!r}: {error}")
            return
        self.stdout.write(
            f"{entry.name}: {'would be added' if dry_run else 'added'} ({host.user}@{host.address})"
        )

    def list_(self, json: bool, **options: Any) -> None:
        rows = [self._row(host) for host in Host.objects.all()]
        if json:
            self.stdout.write(dump(rows))
            return
        for row in rows:
            self.stdout.write(f"{row['name']:24} {row['login']:40} {' '.join(row['groups']):20} {row['key']}")

    def _row(self, host: Host) -> dict[str, Any]:
        login = f"{host.user}@{host.address}:{host.port}" if host.kind == Host.Kind.SSH else "this machine"
        key = (
            fingerprint(host.host_key)
            if host.host_key
            else ""
            if host.kind == Host.Kind.LOCAL
            else "no key accepted"
        )
        return {"name": host.name, "login": login, "sudo": host.sudo, "groups": host.group_names, "key": key}

    def test_(self, name: str, **options: Any) -> None:
        findings = asyncio.run(self._connect(self._host(name)))
        self.stdout.write(f"{'ok':8} Connection")
        for finding in findings:
            self.stdout.write(f"{'ok' if finding.ok else 'missing':8} {finding.step}: {finding.detail}")
            if finding.remedy:
                self.stdout.write(f"{'':8} {finding.remedy}")
        if not all(finding.ok for finding in findings):
            raise CommandError("Something is missing on the host.")

    def _host(self, name: str) -> Host:
        host = Host.objects.filter(name=name).first()
        if host is None:
            raise CommandError(f"There is no host {name[:80]!r}; `hosts list` lists them.")
        return host

    def forget_key_(self, name: str, **options: Any) -> None:
        host = self._host(name)
        if not host.host_key:
            raise CommandError(f"No key of {name} was accepted.")
        with transaction.atomic():
            audit.record(
                "hosts.forget-key",
                actor="shell",
                target=name,
                detail={"fingerprint": fingerprint(host.host_key)},
            )
            Host.objects.filter(pk=host.pk).update(host_key="")
        self.stdout.write(f"Forgot the key of {name}. Compare and accept its new one on its connection page.")

    def remove_(self, name: str, **options: Any) -> None:
        host = self._host(name)
        with transaction.atomic():
            audit.record("hosts.remove", actor="shell", target=name)
            host.delete()
        self.stdout.write(f"Removed {name}. Nothing was changed on it.")


def dump(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2)
