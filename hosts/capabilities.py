"""What may be done on a host. Names of units, logins and files are matched by a grant's name pattern."""

from console.access import Capability, register

register(
    Capability("hosts.view", "See the host, its state and its metrics", "viewer", lists=True),
    Capability("hosts.manage", "Add, change and remove hosts", "admin"),
    Capability("hosts.identity", "Set host name, time zone and time synchronisation", "admin"),
    Capability("hosts.power", "Restart and power off", "admin", fresh=True),
    Capability("hosts.terminal", "Open a terminal", "admin", fresh=True, lists=True),
    Capability("units.view", "See units", "viewer", lists=True),
    Capability("units.start", "Start units", "operator"),
    Capability("units.stop", "Stop units", "operator"),
    Capability("units.restart", "Restart units", "operator"),
    Capability("units.reload", "Reload units", "operator"),
    Capability("units.kill", "Send signals to units", "operator"),
    Capability("units.reset-failed", "Reset the failed state of units", "operator"),
    Capability("units.enable", "Enable and disable units", "admin"),
    Capability("units.mask", "Mask and unmask units", "admin"),
    Capability("units.edit", "Write unit files and overrides", "admin"),
    Capability("journal.view", "Read the journal", "operator", lists=True),  # hosts.journal.may_read narrows it
)
