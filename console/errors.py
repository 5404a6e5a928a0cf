"""Every error a user can see: a stable code, a title, and what to do about it.

Foreign exceptions end in the file that imports their library and continue as one of these (`raise ... from`).
`detail` is shown to the user as given by the host, so it must be text that is safe to show (no secrets).
"""

from __future__ import annotations


class ConsoleError(Exception):
    """Base of every error that reaches a page. `outcome_known` is False when the change may have happened."""

    code = "error"
    title = "Something went wrong"
    remedy = "Try again. If it happens again, look up the id below in Vigie's log."
    status = 502
    outcome_known = True

    def __init__(self, detail: str = "", *, remedy: str = "", **facts: str) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.facts = facts
        if remedy:
            self.remedy = remedy


# --- asked wrongly ---------------------------------------------------------------------------------------------


class InvalidInput(ConsoleError):
    code = "invalid-input"
    title = "This input cannot be used"
    remedy = "Correct the field and send it again. Nothing was changed."
    status = 400


class NotFound(ConsoleError):
    code = "not-found"
    title = "Not found"
    remedy = "It may have been removed a moment ago. Go back to the list."
    status = 404


class Busy(ConsoleError):
    code = "busy"
    title = "Another change of the same object is still running"
    remedy = "Wait for it to end, or open it and cancel it. Nothing was changed."
    status = 409


class Conflict(ConsoleError):
    code = "conflict"
    title = "It was changed by someone else meanwhile"
    remedy = "Load the page again to see the newest state, then repeat your change."
    status = 409


class Cancelled(ConsoleError):
    code = "cancelled"
    title = "Cancelled"
    remedy = "Nothing more happens. Look at the object's page for its present state."
    status = 409


class StorageFailed(ConsoleError):
    """Vigie's own database refused to read or write; nothing is changed without its record."""

    code = "storage-failed"
    title = "Vigie's database cannot be written"
    remedy = "Nothing was changed. Free space on the disk of Vigie's data folder, or make it writable, then try again."
    status = 503


# --- the host cannot be reached --------------------------------------------------------------------------------


class Unreachable(ConsoleError):
    """The host does not answer at present; Vigie keeps trying by itself."""

    code = "unreachable"
    title = "The host does not answer"
    remedy = "Vigie keeps trying. Check that the host is running and that the network leads to it."


class NameNotResolved(Unreachable):
    code = "name-not-resolved"
    title = "The host's name could not be found"
    remedy = "Check the spelling of the address, or the DNS of the machine Vigie runs on."


class ConnectionRefused(Unreachable):
    code = "connection-refused"
    title = "The host refused the connection"
    remedy = "Check that sshd is running on the host and listens on this port."


class ConnectionTimedOut(Unreachable):
    code = "timed-out"
    title = "The host did not answer in time"
    remedy = "Check the address, the network and any firewall between Vigie and the host."


class Disconnected(Unreachable):
    """The connection was lost while something was under way: a change may or may not have happened."""

    code = "disconnected"
    title = "The connection to the host was lost"
    remedy = "Vigie connects again by itself and then looks at what became of the change."
    outcome_known = False


class AnswerTimedOut(Unreachable):
    """The host is connected but did not answer this request: a change may or may not have happened."""

    code = "answer-timed-out"
    title = "The host did not answer this request in time"
    remedy = "It may still be working on it. Vigie looks at what became of it."
    outcome_known = False


class Refused(Unreachable):
    """Trying again by itself would not help: somebody has to decide or repair something."""

    code = "refused"
    title = "The host cannot be used until something is repaired"


class KeyRejected(Refused):
    code = "key-rejected"
    title = "The host rejected Vigie's key"
    remedy = "Add the line shown on the host's page to ~/.ssh/authorized_keys of this user on the host."


class HostKeyUnknown(Refused):
    """facts: fingerprint, host_key (the public key's line)."""

    code = "host-key-unknown"
    title = "The host's key is not known yet"
    remedy = "Compare the fingerprint with the one on the host, then accept it."


class HostKeyChanged(Refused):
    """facts: old_fingerprint, new_fingerprint."""

    code = "host-key-changed"
    title = "The host's key has changed"
    remedy = (
        "Either the host was installed anew, or somebody is between Vigie and the host. Find out which; "
        "only then remove the old key with: manage.py hosts forget-key"
    )


class SudoNeedsPassword(Refused):
    code = "sudo-needs-password"
    title = "sudo asks for a password"
    remedy = "Allow this user to use sudo without a password (NOPASSWD), or let Vigie sign in as root."


class NoSystemd(Refused):
    code = "no-systemd"
    title = "The host does not run systemd"
    remedy = "Vigie administers hosts whose process 1 is systemd."


class NoDBus(ConsoleError):
    code = "no-dbus"
    title = "The host's D-Bus does not answer"
    remedy = "Vigie tries again by itself. On the host, check: systemctl status dbus.socket dbus.service"


# --- the host answered: no -------------------------------------------------------------------------------------


class NotAuthorised(ConsoleError):
    """The host (polkit, file permissions) does not let Vigie's user do this."""

    code = "not-authorised-on-host"
    title = "The host does not allow Vigie's user to do this"
    remedy = "Let Vigie sign in as root or use sudo, or grant the action to its user with a polkit rule."
    status = 403


class NoEngine(ConsoleError):
    code = "no-engine"
    title = "No container engine answers on this host"
    remedy = "Install Podman and enable its socket: systemctl enable --now podman.socket"


class Failed(ConsoleError):
    """The host carried the request out and it failed (a unit's job, a command, an engine's answer)."""

    code = "failed"
    title = "It failed on the host"
    remedy = "Read the log below for the cause."


class Unsupported(ConsoleError):
    code = "unsupported"
    title = "This host cannot do that"
    remedy = "A newer version of the host's software, or another tool on it, may be needed."
