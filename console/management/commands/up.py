"""`manage.py up`: from nothing to a console that serves."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console import address, certificates, database, firststart, launch, server
from console.certificates import Certificate
from console.launch import CannotStart, Listen


class Command(BaseCommand):
    help = "Prepare what is missing, then serve the console until Ctrl-C."
    requires_system_checks: list[str] = []  # they cost each start time; the tests run them

    def add_arguments(self, parser: ArgumentParser) -> None:
        launch.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        listen = server.resolve(Listen.parse(options["listen"]))
        certificate = self.certificate(listen, options)
        self.say(database.prepare())
        firststart.collect_static_files()
        for step in firststart.STEPS:
            self.say(step())
        url = address.reachable_url(listen, secure=certificate is not None)
        address.remember(url)
        server.Server(listen, certificate, lambda: self.welcome(url, certificate)).run()
        self.say("Ended.")

    def certificate(self, listen: Listen, options: dict[str, Any]) -> Certificate | None:
        folder = Path(settings.DATA_DIR) / "tls"
        if options["tls_cert"]:
            return certificates.given(options["tls_cert"], options["tls_key"], folder)
        if options["tls_key"]:
            raise CannotStart("--tls-key needs --tls-cert.")
        return None if listen.is_loopback else certificates.own(folder, listen)

    def welcome(self, url: str, certificate: Certificate | None) -> None:
        """Once it serves, so that a link that is shown also works."""
        lines = [f"Vigie serves on {url} (Ctrl-C ends it)"]
        if certificate:
            lines.append(f"Its certificate's SHA-256 fingerprint is {certificate.fingerprint}")
        if admin := firststart.first_admin():
            lines.append(f"Sign in as {admin} (once, within 15 minutes):\n  {address.signin_link(admin, url)}")
        self.say("\n".join(lines))
        server.tell_systemd("READY=1")

    def say(self, line: str) -> None:
        if line:
            self.stdout.write(line)
            self.stdout.flush()
