"""Users, what they may do, what they did. Nothing here knows a host: a host is an id and a name."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce


class User(AbstractUser):
    class Role(models.TextChoices):
        NONE = "", "no role (grants only)"
        VIEWER = "viewer", "viewer"
        OPERATOR = "operator", "operator"
        ADMIN = "admin", "admin"

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.NONE, blank=True)


class Grant(models.Model):
    """One capability (or a role, or a pattern such as `units.*`) for one user, on hosts and names that match."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    capability = models.CharField(max_length=64)
    hosts = models.CharField(max_length=200, default="*", help_text="host name pattern, or @group")
    names = models.CharField(max_length=200, default="*", help_text="pattern of unit or container names")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "capability", "hosts", "names"], name="grant_once")
        ]

    def __str__(self) -> str:
        return f"{self.capability} on {self.hosts} for {self.names}"


class SignInLink(models.Model):
    """A link that signs its user in once. Only the token's SHA-256 is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"sign-in link for {self.user}"


class Operation(models.Model):
    """The durable record of one change on one target. Written before the change is made."""

    class State(models.TextChoices):
        ASKED = "asked"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"
        UNKNOWN = "unknown"

    OPEN = (State.ASKED, State.RUNNING)

    # Idempotency: the same key is the same change, asked for twice.
    key = models.CharField(max_length=64, unique=True)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    actor_name = models.CharField(max_length=150)
    ip = models.GenericIPAddressField(null=True)
    host_id = models.BigIntegerField(null=True, db_index=True)
    host_name = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    target = models.CharField(max_length=400)
    call = models.TextField(blank=True)  # the exact D-Bus or REST call
    shell = models.TextField(blank=True)  # what an admin would type for the same effect
    state = models.CharField(max_length=16, choices=State.choices, default=State.ASKED, db_index=True)
    asked = models.DateTimeField(auto_now_add=True, db_index=True)
    started = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    deadline = models.DateTimeField()
    result = models.TextField(blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    undo = models.JSONField(null=True)  # what the verb needs to take itself back, where it can

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Coalesce("host_id", 0),  # without a host: Vigie itself, which is one target too
                "kind",
                "target",
                condition=Q(state__in=("asked", "running")),
                name="one_operation_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target} on {self.host_name or 'Vigie'}"

    @property
    def newest_first(self) -> str:
        """As text, less for newer ones: what a live list is sorted by."""
        return f"{10**12 - self.pk:012}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def seconds(self) -> float | None:
        """How long it ran, in seconds."""
        return (self.ended - self.started).total_seconds() if self.ended and self.started else None


class AuditEntry(models.Model):
    """One line of the append-only log. `digest` covers the line and the digest before it."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150)
    ip = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    target = models.CharField(max_length=600, blank=True)
    detail = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"
