"""The grammar of unit names, held against systemd's own answers where systemd-escape is at hand."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.dbus.systemd_names import (
    escape,
    is_template,
    template_of,
    unescape,
    unit_of_path,
    unit_path,
    unit_type,
    valid_unit_name,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
STEM = st.text("abcXYZ019:-_.\\", min_size=1, max_size=40)
SUFFIX = st.sampled_from(["service", "timer", "mount", "slice", "scope"])


@pytest.mark.parametrize(
    "name",
    [
        "nginx.service",
        "-.mount",
        "-x.service",
        "a..b.service",
        "..service",
        r"dev-disk-by\x2did.device",
        "getty@.service",
        "getty@tty1.service",
        "a@b@c.service",
        "user@1000.service",
        "a.service.timer",
        "x" * 247 + ".service",
    ],
)
def test_names_that_systemd_takes(name):
    assert valid_unit_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        ".service",
        "nginx",
        "nginx.",
        "nginx.conf",
        "nginx.SERVICE",
        "@.service",
        "@x.service",
        "a b.service",
        "a/b.service",
        "../b.service",
        "a\n.service",
        "a.service\n",
        "a\0.service",
        "ünit.service",
        "a;b.service",
        "$(x).service",
        "*.service",
        "x" * 248 + ".service",
        "x" * 300 + ".service",
    ],
)
def test_names_that_systemd_refuses(name):
    assert not valid_unit_name(name)


@given(STEM, SUFFIX)
def test_plain_names(stem, suffix):
    name = f"{stem}.{suffix}"
    assert valid_unit_name(name)
    assert unit_type(name) == suffix
    assert not is_template(name)
    assert template_of(name) == ""


@given(STEM, STEM, SUFFIX)
def test_instances_and_their_templates(stem, instance, suffix):
    name = f"{stem}@{instance}.{suffix}"
    assert valid_unit_name(name)
    assert not is_template(name)
    assert template_of(name) == f"{stem}@.{suffix}"
    assert is_template(template_of(name))


@given(ANY_TEXT)
def test_no_text_breaks_the_grammar(text):
    if valid_unit_name(text):
        assert len(text) < 256
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(" /;$'\"*?\n\0")


@given(ANY_TEXT)
def test_paths_lead_back(text):
    path = unit_path(text)
    assert path.startswith("/org/freedesktop/systemd1/unit/")
    assert path.removeprefix("/org/freedesktop/systemd1/unit/").replace("_", "").isalnum() or text == ""
    assert unit_of_path(path) == text


@given(ANY_TEXT)
def test_escapes_lead_back(text):
    if text:
        assert valid_unit_name(escape(text)[:200] + ".service")
    assert unescape(escape(text)) == text


def test_known_paths():
    assert unit_path("ssh.service") == "/org/freedesktop/systemd1/unit/ssh_2eservice"
    assert unit_path("0a.mount") == "/org/freedesktop/systemd1/unit/_30a_2emount"
    assert unit_path("") == "/org/freedesktop/systemd1/unit/_"
    assert unit_of_path("/org/freedesktop/systemd1/job/1") == ""
    assert unit_of_path("/org/freedesktop/systemd1/unit/_") == ""


@pytest.mark.parametrize("text", ["\\", "\\x", "\\x2", "\\xgg", "a\\b"])
def test_broken_escapes(text):
    with pytest.raises(ValueError, match="not an escaped text"):
        unescape(text)


@pytest.mark.parametrize("text", ["/dev/sda", "a-b", ".hidden", "a b", "ü", "\\x2d", "plain_0:9.x", "-"])
def test_escapes_as_systemd_does(text):
    known = {"/dev/sda": "-dev-sda", "a-b": r"a\x2db", ".hidden": r"\x2ehidden", "a b": r"a\x20b"}
    known |= {"ü": r"\xc3\xbc", "\\x2d": r"\x5cx2d", "plain_0:9.x": "plain_0:9.x", "-": r"\x2d"}
    assert escape(text) == known[text]
    if shutil.which("systemd-escape"):
        asked = subprocess.run(["systemd-escape", "--", text], capture_output=True, text=True, check=True)
        assert escape(text) == asked.stdout.rstrip("\n")
