"""The frame's own capabilities. hosts and containers register theirs in their capabilities.py."""

from console.access import Capability, register

register(
    Capability("operations.view", "See changes and their outcome", "viewer", lists=True),
    Capability("operations.cancel", "Cancel a running change", "operator"),
    Capability("audit.view", "Read the audit log", "admin"),
    Capability("access.view", "See users, roles and grants", "admin"),
    Capability("access.manage", "Change users, roles and grants", "admin", fresh=True),
    Capability("about.view", "See how this console is doing", "viewer"),
)
