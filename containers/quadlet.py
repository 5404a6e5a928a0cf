"""Units that Podman's generator made of Quadlet files: what they run, read from the generated unit itself.

Stopped Quadlets are unknown to Podman's API. The generator keeps the Quadlet file's section in the unit it writes
to /run/systemd/generator (for a login: /run/user/UID/systemd/generator), as [X-Container], [X-Pod], [X-Kube], ...
Sources: podman-systemd.unit(5), systemd.syntax(7), systemd.unit(5) "Specifiers".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from containers.engine.base import Port

KINDS = {"X-Container": "container", "X-Pod": "pod", "X-Kube": "kube"}

_PUBLISHED = re.compile(
    r"(?:(?:(?P<ip>[0-9.]+|\[[0-9a-fA-F:]+\]):)?(?P<host>[0-9]{1,5})(?:-(?P<host_end>[0-9]{1,5}))?:)"
    r"(?P<inside>[0-9]{1,5})(?:-[0-9]{1,5})?(?:/(?P<proto>tcp|udp|sctp))?"
)


@dataclass(frozen=True, slots=True)
class Quadlet:
    """A generated unit. `container` is None where the name is only known at run time."""

    unit: str  # "site.service"; "site@.service" for a template
    kind: str  # container, pod, kube
    source: str  # the Quadlet file
    description: str
    image: str
    container: str | None  # the name its container (for a pod: the pod) will have
    pod: str | None  # the .pod file it belongs to
    ports: tuple[Port, ...]  # those that can be read without starting it

    @property
    def template(self) -> bool:
        return "@." in self.unit


def generated(path: str, text: str) -> Quadlet | None:
    """The Quadlet behind the generated unit at `path`; None when another generator made it, or none that runs."""
    sections = _sections(text)
    unit = PurePosixPath(path).name
    for section, kind in KINDS.items():
        if section in sections:
            return _quadlet(unit, kind, sections[section], sections.get("Unit", {}))
    return None


def _quadlet(unit: str, kind: str, own: dict[str, list[str]], about: dict[str, list[str]]) -> Quadlet:
    ports = (published(value) for value in own.get("PublishPort", ()))
    return Quadlet(
        unit=unit,
        kind=kind,
        source=_last(about, "SourcePath"),
        description=_last(about, "Description"),
        image=_last(own, "Image"),
        container=run_name(unit, kind, own),
        pod=_last(own, "Pod") or None,
        ports=tuple(port for port in ports if port),
    )


def run_name(unit: str, kind: str, own: dict[str, list[str]]) -> str | None:
    """What Podman will call it: ContainerName= or PodName=, or systemd-UNIT (for a template systemd-PREFIX_INSTANCE)."""
    if kind == "kube":
        return None
    named = _last(own, "ContainerName" if kind == "container" else "PodName")
    if named:
        return expanded(named, unit)
    stem = unit.removesuffix(".service")
    stem = stem.removesuffix("-pod") if kind == "pod" else stem
    return f"systemd-{stem.replace('@', '_', 1)}"


def expanded(text: str, unit: str) -> str | None:
    """systemd's specifiers that depend on the unit's name alone; None when there are others."""
    stem = unit.removesuffix(".service")
    prefix, _, instance = stem.partition("@")
    known = {"%n": unit, "%N": stem, "%p": prefix, "%i": instance, "%%": "%"}
    found = re.findall(r"%.?", text)
    if any(specifier not in known for specifier in found):
        return None
    return re.sub(r"%.", lambda match: known[match[0]], text)


def published(text: str) -> Port | None:
    """ "[ip:]host[-end]:inside[-end][/proto]"; None for one whose host port is only chosen at the start."""
    match = _PUBLISHED.fullmatch(text)
    if not match:
        return None
    host, end = int(match["host"]), int(match["host_end"] or match["host"])
    if not 0 < host <= end <= 65535 or not 0 < int(match["inside"]) <= 65535:
        return None
    ip = (match["ip"] or "").strip("[]")
    return Port(ip, host, int(match["inside"]), match["proto"] or "tcp", end - host + 1)


def _last(section: dict[str, list[str]], key: str) -> str:
    return (section.get(key) or [""])[-1]


def _sections(text: str) -> dict[str, dict[str, list[str]]]:
    """Section to key to values; an empty value empties the list, as systemd has it."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in _joined(text):
        if line.startswith("[") and line.endswith("]"):
            section = sections.setdefault(line[1:-1], {})
            continue
        key, equals, value = line.partition("=")
        if equals:
            _assign(section, key.strip(), value.strip())
    return sections


def _assign(section: dict[str, list[str]], key: str, value: str) -> None:
    values = section.setdefault(key, [])
    if value:
        values.append(value)
    else:
        values.clear()


def _joined(text: str) -> Iterator[str]:
    """Lines without comments; a backslash at the end joins the next one with a space."""
    begun = ""
    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not begun):
            continue
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        yield begun + line
        begun = ""
    if begun:
        yield begun.rstrip()
