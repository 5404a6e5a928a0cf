"""The terminal in a browser, on a real host."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.server import ROOT, environment, first_start, serve

pytestmark = pytest.mark.lab
ADD_HOST = """
import json, sys
import django
django.setup()
from hosts.models import Host
Host.objects.create(**json.load(sys.stdin))
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory, web1):
    """A console that knows web1, and one host that is not there."""
    data = tmp_path_factory.mktemp("terminal")
    (data / "sessions.json").write_text(json.dumps(first_start(data)))
    (data / "ssh").mkdir(mode=0o700)
    shutil.copy(web1.key_path, data / "ssh" / "id_ed25519")
    rows = [
        {"name": "web1", "address": web1.address, "host_key": web1.host_key},
        {"name": "away", "address": web1.address, "port": 1, "host_key": web1.host_key},
    ]
    for row in rows:
        subprocess.run(
            [sys.executable, "-c", ADD_HOST],
            cwd=ROOT,
            env=environment(data, "console.settings"),
            input=json.dumps(row),
            text=True,
            check=True,
        )
    with serve(data) as served:
        yield served


def opened(page, path="/host/web1/terminal/"):
    page.goto(path)
    expect(page.locator(".terminal-state")).to_have_text(re.compile("Open as"), timeout=30_000)
    return page.locator(".xterm-rows")


def test_type_reload_and_exit(console, open_page):
    page = open_page(console)
    rows = opened(page)
    page.keyboard.type("echo shell-$$-$((6*7)); cat\n")
    expect(rows).to_contain_text(re.compile(r"shell-\d+-42"))
    page.keyboard.type("Grüße\n")
    expect(rows).to_contain_text(re.compile("Grüße.*Grüße"))
    page.keyboard.press("Control+d")
    shell = re.search(r"shell-(\d+)-42", rows.inner_text())[1]
    page.reload()
    expect(page.locator(".terminal-state")).to_have_text("Open as root")
    rows = page.locator(".xterm-rows")
    expect(rows).to_contain_text(f"shell-{shell}-42")
    page.keyboard.type("echo again-$$\n")
    expect(rows).to_contain_text(f"again-{shell}")
    page.keyboard.type("exit 3\n")
    expect(page.locator("[data-over]")).to_contain_text("Exit code 3")
    first = page.url
    page.keyboard.press("Enter")  # "Open again" has the focus
    expect(page.locator(".terminal-state")).to_have_text("Open as root")
    assert page.url != first


def test_paste_is_bracketed_and_size_follows_the_window(console, open_page):
    page = open_page(console)
    rows = opened(page)
    page.keyboard.type("echo wide=$(stty size | cut -d' ' -f2)\n")
    expect(rows).to_contain_text(re.compile(r"wide=\d+"))
    page.set_viewport_size({"width": 390, "height": 700})
    page.wait_for_timeout(400)
    page.keyboard.type("echo narrow=$(stty size | cut -d' ' -f2)\n")
    expect(rows).to_contain_text(re.compile(r"narrow=\d+"))
    wide, narrow = (int(re.search(rf"{word}=(\d+)", rows.inner_text())[1]) for word in ("wide", "narrow"))
    assert narrow < wide
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/plain", "echo one\\necho two");
            document.querySelector(".xterm-helper-textarea").dispatchEvent(
                new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }"""
    )
    expect(rows).to_contain_text("echo two")
    assert not re.search(r"^one", rows.inner_text(), re.M), "pasted lines wait for Enter"


def test_a_flood_can_be_interrupted(console, open_page):
    page = open_page(console)
    rows = opened(page)
    page.keyboard.type("yes vigie\n")
    expect(rows).to_contain_text("vigie")
    page.wait_for_timeout(2000)
    page.keyboard.press("Control+c")
    page.keyboard.type("echo stop$((1+1))ped\n")
    expect(rows).to_contain_text("stop2ped", timeout=30_000)


def test_tabs_are_independent(console, open_page):
    one, two = open_page(console), open_page(console)
    opened(one), opened(two)
    one.keyboard.type("exit\n")
    expect(one.locator("[data-over]")).to_contain_text("Exit code 0")
    two.keyboard.type("echo al$((1))ve\n")
    expect(two.locator(".xterm-rows")).to_contain_text("al1ve")


def test_a_host_that_does_not_answer_says_why(console, open_page):
    page = open_page(console)
    page.goto("/host/away/terminal/")
    expect(page.locator("[data-over]")).to_contain_text("tries again by itself", timeout=30_000)


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(console, open_page, axe, width):
    page = open_page(console, width=width)
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    page.locator("[data-end]").click()
    expect(page.locator("[data-over]")).to_be_visible()
    assert axe(page) == []
