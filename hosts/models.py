"""The hosts that Vigie knows."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse

HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LOGIN = re.compile(r"[a-z_A-Z][a-zA-Z0-9_.-]{0,31}\$?")
ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:%_-]{0,252}")


def host_name(value: str) -> None:
    if not HOST_NAME.fullmatch(value):
        raise ValidationError(
            "Use letters, digits, dots, hyphens and underscores; begin with a letter or a digit."
        )


def address(value: str) -> None:
    """A DNS name or an IP address; it can never be taken for an option."""
    if not ADDRESS.fullmatch(value):
        raise ValidationError("Enter a host name or an IP address, without user, port or spaces.")


def login(value: str) -> None:
    if not LOGIN.fullmatch(value):
        raise ValidationError("This is not a login name.")


class Host(models.Model):
    class Kind(models.TextChoices):
        LOCAL = "local", "this machine"
        SSH = "ssh", "over SSH"

    name = models.CharField(max_length=63, unique=True, validators=[host_name])
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.SSH)
    address = models.CharField(max_length=253, blank=True, validators=[address])
    port = models.PositiveIntegerField(default=22)
    user = models.CharField(max_length=33, default="root", validators=[login])
    sudo = models.BooleanField(default=False)
    host_key = models.TextField(blank=True, help_text="the accepted public key; empty: none was accepted yet")
    group_names = models.JSONField(default=list, blank=True)  # matched by grants as @group
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("host", args=[self.name])

    def clean(self) -> None:
        if self.kind == self.Kind.SSH and not self.address:
            raise ValidationError({"address": "Enter the address of the host."})
