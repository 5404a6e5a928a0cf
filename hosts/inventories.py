"""Hosts from files that admins have: an ssh_config, or an Ansible inventory (INI or YAML).

Only what names a host is read: address, port, user, become, groups. Nothing in a file is ever run or included.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from console.errors import InvalidInput

RANGE = re.compile(r"\[([0-9]+|[a-z]):([0-9]+|[a-z])\]")
MOST_HOSTS = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A host as a file names it; "" and 0 where the file does not say."""

    name: str
    address: str = ""
    port: int = 0
    user: str = ""
    sudo: bool = False
    groups: frozenset[str] = field(default=frozenset())


def parse(text: str) -> list[Listed]:
    """By its looks: YAML inventory, INI inventory, else ssh_config. Raises InvalidInput with the line."""
    if re.search(r"(?mi)^\s*host(name)?[ \t=]+\S", text) and not re.search(r"(?m)^\s*\[[^\]]+\]\s*$", text):
        return list(parse_ssh_config(text))
    if re.search(r"(?m)^[A-Za-z_][\w-]*:\s*$", text) and not re.search(r"(?m)^\s*\[[^\]]+\]\s*$", text):
        return list(parse_ansible_yaml(text))
    return list(parse_ansible_ini(text))


# --- ssh_config: the first value of a keyword wins, patterns give defaults ---------------------------------------


def parse_ssh_config(text: str) -> Iterator[Listed]:
    blocks = _ssh_blocks(text)
    names = dict.fromkeys(name for patterns, _ in blocks for name in patterns if re.fullmatch(r"[\w.-]+", name))
    for name in names:
        values: dict[str, str] = {}
        for patterns, block in blocks:
            if _ssh_matches(name, patterns):
                values = block | values
        yield Listed(
            name,
            values.get("hostname", name).replace("%h", name),
            _port(values.get("port", "")),
            values.get("user", ""),
        )


def _ssh_blocks(text: str) -> list[tuple[list[str], dict[str, str]]]:
    blocks: list[tuple[list[str], dict[str, str]]] = [(["*"], {})]
    for number, line in enumerate(text.splitlines(), 1):
        keyword, value = _ssh_line(line, number)
        if keyword == "host":
            blocks.append((value.split(), {}))
        elif keyword == "match":
            blocks.append(([], {}))  # conditions may run programs: what stands below one is left out
        elif keyword:
            blocks[-1][1].setdefault(keyword, value)
    return blocks


def _ssh_line(line: str, number: int) -> tuple[str, str]:
    line = line.strip()
    if not line or line.startswith("#"):
        return "", ""
    found = re.fullmatch(r"(\w+)(?:\s*=\s*|\s+)(.*)", line)
    if not found:
        raise InvalidInput(f"Line {number} is not of an ssh_config: {line[:80]}")
    return found[1].lower(), found[2].strip().strip('"')


def _ssh_matches(name: str, patterns: list[str]) -> bool:
    def fits(pattern: str) -> bool:
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(expression, name) is not None

    if any(pattern.startswith("!") and fits(pattern[1:]) for pattern in patterns):
        return False
    return any(fits(pattern) for pattern in patterns if not pattern.startswith("!"))


def _port(value: str) -> int:
    if value and not (value.isdigit() and 0 < int(value) < 65536):
        raise InvalidInput(f"{value[:20]!r} is not a port.")
    return int(value or 0)


# --- Ansible -----------------------------------------------------------------------------------------------------


def parse_ansible_ini(text: str) -> Iterator[Listed]:
    hosts: dict[str, dict[str, str]] = {}
    groups: dict[str, set[str]] = {}
    children: dict[str, set[str]] = {}
    variables: dict[str, dict[str, str]] = {}
    section, kind = "ungrouped", ""
    for number, line in enumerate(text.splitlines(), 1):
        words = _ini_words(line, number)
        if not words:
            continue
        if header := re.fullmatch(r"\[([\w.-]+)(?::(vars|children))?\]", words[0]):
            section, kind = header[1], header[2] or ""
        elif kind == "vars":
            variables.setdefault(section, {}).update(_pairs(["".join(words)]))
        elif kind == "children":
            children.setdefault(section, set()).add(words[0])
        else:
            for name in _expanded(words[0], number):
                hosts.setdefault(name, {}).update(_pairs(words[1:]))
                groups.setdefault(section, set()).add(name)
    yield from _ansible(hosts, groups, children, variables)


def _ini_words(line: str, number: int) -> list[str]:
    if line.lstrip().startswith((";", "#")):
        return []
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise InvalidInput(f"Line {number}: {error}.") from error


def _pairs(words: list[str]) -> dict[str, str]:
    return {
        name.strip(): value.strip() for name, equals, value in (word.partition("=") for word in words) if equals
    }


def _expanded(pattern: str, number: int) -> Iterator[str]:
    """web[01:10].example → web01.example ... web10.example"""
    found = RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last = found[1], found[2]
    if first.isdigit() != last.isdigit():
        raise InvalidInput(f"Line {number}: the range {found[0]} mixes letters and numbers.")
    low, high = (int(first), int(last)) if first.isdigit() else (ord(first), ord(last))
    if high - low > MOST_HOSTS:
        raise InvalidInput(f"Line {number}: the range {found[0]} has more than {MOST_HOSTS} hosts.")
    for value in range(low, high + 1):
        text = str(value).zfill(len(first)) if first.isdigit() else chr(value)
        yield from _expanded(pattern[: found.start()] + text + pattern[found.end() :], number)


def parse_ansible_yaml(text: str) -> Iterator[Listed]:
    try:
        root = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(f"This is not YAML: {str(error)[:200]}") from error
    if not isinstance(root, dict):
        raise InvalidInput("The inventory has no groups.")
    hosts: dict[str, dict[str, str]] = {}
    groups: dict[str, set[str]] = {}
    children: dict[str, set[str]] = {}
    variables: dict[str, dict[str, str]] = {}
    waiting: list[tuple[str, Any]] = list(root.items())
    while waiting:
        group, body = waiting.pop()
        body = body if isinstance(body, dict) else {}
        variables.setdefault(group, {}).update(_strings(body.get("vars")))
        for name, own in _mapping(body.get("hosts")).items():
            hosts.setdefault(str(name), {}).update(_strings(own))
            groups.setdefault(group, set()).add(str(name))
        children.setdefault(group, set()).update(map(str, _mapping(body.get("children"))))
        waiting += _mapping(body.get("children")).items()
    yield from _ansible(hosts, groups, children, variables)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> dict[str, str]:
    return {str(name): str(entry) for name, entry in _mapping(value).items()}


def _ansible(
    hosts: dict[str, dict[str, str]],
    groups: dict[str, set[str]],
    children: dict[str, set[str]],
    variables: dict[str, dict[str, str]],
) -> Iterator[Listed]:
    """A host's own variables win over its groups', a child group's over its parent's, `all` loses to every other."""
    for name, own in hosts.items():
        member = _groups_of(name, groups, children)
        values: dict[str, str] = dict(variables.get("all", {}))
        for group in reversed(member):
            if group != "all":
                values |= variables.get(group, {})
        listed = _listed(name, values | own)
        yield replace(listed, groups=frozenset(member) - {"all", "ungrouped"})


def _groups_of(name: str, groups: dict[str, set[str]], children: dict[str, set[str]]) -> list[str]:
    """Nearest first: those that list the host, then their parents, each once."""
    found = [group for group, members in groups.items() if name in members]
    for group in found:  # grows while it is walked
        found += [parent for parent, below in children.items() if group in below and parent not in found]
    return found


def _listed(name: str, values: dict[str, str]) -> Listed:
    become = values.get("ansible_become", "").lower() in {"true", "yes", "1"}
    port = _port(values.get("ansible_port", values.get("ansible_ssh_port", "")))
    address = values.get("ansible_host", values.get("ansible_ssh_host", name))
    return Listed(name, address, port, values.get("ansible_user", values.get("ansible_ssh_user", "")), become)
