from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import InvalidInput
from containers import names

HOSTILE = [
    "",
    "-x",
    "--all",
    "..",
    "../x",
    "a/b",
    "a\n",
    "a\x00",
    "a b",
    "a;b",
    "a?b=c",
    "<b>",
    "é",
    "x" * 256,
    ".x",
]


@pytest.mark.parametrize(
    "name", ["web", "a", "A_b.c-1", "0123456789ab", "x" * 255, "systemd-site", "web@1"[:3]]
)
def test_container_names(name: str) -> None:
    assert names.container(name) == name


@pytest.mark.parametrize(
    "check", [names.container, names.container_id, names.image, names.signal_name, names.machine]
)
@pytest.mark.parametrize("text", [text for text in HOSTILE if text not in {"a/b", "x" * 256}])
def test_no_grammar_takes_hostile_text(check, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "reference",
    [
        "busybox",
        "busybox:1.36",
        "quay.io/podman/hello:latest",
        "localhost:5000/team/app:v1.2_3-x",
        "[::1]:5000/app",
        "docker.io/library/nginx@sha256:" + "a" * 64,
        "registry.example/app:1@sha256:" + "0" * 64,
        "sha256:" + "b" * 64,
        "a" * 64,
        "a__b/c-d.e",
    ],
)
def test_image_references(reference: str) -> None:
    assert names.image(reference) == reference


@pytest.mark.parametrize(
    "reference", ["Upper", "a:", "a@", "a//b", "/a", "a/", "a:-x", "a:" + "t" * 129, "a@sha256:12"]
)
def test_what_is_no_image(reference: str) -> None:
    with pytest.raises(InvalidInput):
        names.image(reference)


@pytest.mark.parametrize(
    ("given", "name"),
    [("TERM", "TERM"), ("SIGHUP", "HUP"), ("sigusr1", "USR1"), ("9", "9"), ("RTMIN+3", "RTMIN+3")],
)
def test_signals(given: str, name: str) -> None:
    assert names.signal_name(given) == name


@pytest.mark.parametrize("text", ["BOGUS", "0", "65", "-9", "RTMIN+99", "٣"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidInput):
        names.signal_name(text)


@given(st.text())
def test_what_passes_needs_no_escaping_in_a_path(text: str) -> None:
    try:
        name = names.container(text)
    except InvalidInput:
        return
    assert re.fullmatch(r"[\w.-]+", name, re.ASCII)
    assert name not in {".", ".."}
