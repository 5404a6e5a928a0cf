"""What a host's D-Bus errors mean here: one table from error names to `ConsoleError`s."""

from __future__ import annotations

from console.errors import (
    AnswerTimedOut,
    Busy,
    Conflict,
    ConsoleError,
    Disconnected,
    Failed,
    InvalidInput,
    NotAuthorised,
    NotFound,
    Unsupported,
)

_DETAIL_LIMIT = 1000  # characters of the host's own words that are kept

_DBUS = "org.freedesktop.DBus.Error."
_SYSTEMD = "org.freedesktop.systemd1."
_LOGIN = "org.freedesktop.login1."
_MACHINE = "org.freedesktop.machine1."
_ERRNO = "System.Error."  # systemd passes errno values on under these names

ERRORS: dict[str, type[ConsoleError]] = {
    _DBUS + "AccessDenied": NotAuthorised,
    _DBUS + "AuthFailed": NotAuthorised,
    _DBUS + "InteractiveAuthorizationRequired": NotAuthorised,
    "org.freedesktop.PolicyKit1.Error.NotAuthorized": NotAuthorised,
    _ERRNO + "EACCES": NotAuthorised,
    _ERRNO + "EPERM": NotAuthorised,
    _DBUS + "UnknownObject": NotFound,
    _DBUS + "FileNotFound": NotFound,
    _DBUS + "UnixProcessIdUnknown": NotFound,
    _SYSTEMD + "NoSuchUnit": NotFound,
    _SYSTEMD + "NoSuchJob": NotFound,
    _SYSTEMD + "NoSuchUnitFile": NotFound,
    _SYSTEMD + "NoUnitForPID": NotFound,
    _LOGIN + "NoSuchSession": NotFound,
    _LOGIN + "NoSuchUser": NotFound,
    _LOGIN + "NoSuchSeat": NotFound,
    _MACHINE + "NoSuchMachine": NotFound,
    _MACHINE + "NoSuchImage": NotFound,
    _ERRNO + "ENOENT": NotFound,
    _ERRNO + "ESRCH": NotFound,
    _ERRNO + "ENXIO": NotFound,
    _DBUS + "NoReply": AnswerTimedOut,  # also said when the service died while it worked on the call
    _DBUS + "Timeout": AnswerTimedOut,
    _DBUS + "TimedOut": AnswerTimedOut,
    _ERRNO + "ETIMEDOUT": AnswerTimedOut,
    _DBUS + "Disconnected": Disconnected,
    _ERRNO + "ECONNRESET": Disconnected,
    _DBUS + "ServiceUnknown": Unsupported,
    _DBUS + "NameHasNoOwner": Unsupported,
    _DBUS + "UnknownMethod": Unsupported,
    _DBUS + "UnknownInterface": Unsupported,
    _DBUS + "UnknownProperty": Unsupported,
    _DBUS + "NotSupported": Unsupported,
    _LOGIN + "SleepVerbNotSupported": Unsupported,
    "org.freedesktop.timedate1.NoNTPSupport": Unsupported,
    _ERRNO + "EOPNOTSUPP": Unsupported,
    _DBUS + "InvalidArgs": InvalidInput,
    _DBUS + "InvalidSignature": InvalidInput,
    _ERRNO + "EINVAL": InvalidInput,
    _DBUS + "FileExists": Conflict,
    _DBUS + "ObjectPathInUse": Conflict,
    _SYSTEMD + "UnitExists": Conflict,
    _ERRNO + "EEXIST": Conflict,
    _SYSTEMD + "UnitBusy": Busy,
    _LOGIN + "OperationInProgress": Busy,
    _MACHINE + "OperationInProgress": Busy,
    _ERRNO + "EBUSY": Busy,
    _ERRNO + "EALREADY": Busy,
}


def printable(text: str) -> str:
    """A host's words without control characters, cut to a length that a page can bear."""
    clean = "".join(char if char.isprintable() else " " for char in text[: _DETAIL_LIMIT + 1])
    return clean if len(clean) <= _DETAIL_LIMIT else clean[:_DETAIL_LIMIT] + "…"


def failure(name: str, text: str) -> ConsoleError:
    """The error a D-Bus error reply stands for; facts: `dbus_error`, its name. Unlisted names are `Failed`."""
    return ERRORS.get(name, Failed)(printable(text), dbus_error=printable(name))
