"""Adding a host by hand in the browser, from its address to a live page; and what a wrong one looks like."""

import re
import subprocess
import sys

import pytest

from tests.browser.server import ROOT, environment

pytestmark = pytest.mark.lab


def test_from_an_address_to_a_live_host(server, open_page, axe, own_host):
    page = open_page(server)
    page.goto("/hosts/add/")
    assert axe(page) == []
    page.get_by_label("Name").fill("added")
    page.get_by_label("Address").fill(own_host.address)
    page.get_by_role("button", name="Add and connect").click()
    page.get_by_role("heading", name="Is this the host's key?").wait_for()
    fingerprint = own_host.shell("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert fingerprint in page.locator("#steps").inner_text()
    assert axe(page) == []
    page.get_by_role("button", name="It is the same: accept it").click()
    page.get_by_role("heading", name="Let Vigie in").wait_for()
    assert axe(page) == []
    line = page.locator("#steps pre").inner_text().strip()  # what an admin copies
    own_host.shell(f"echo '{line}' >> /root/.ssh/authorized_keys")
    page.get_by_role("button", name="Try again").click()
    page.goto("/host/added/connection/")
    page.get_by_text("Connected as root").wait_for()
    page.get_by_text("May manage units").wait_for()
    assert axe(page) == []
    page.get_by_role("link", name="Open added").click()
    page.get_by_text("Debian GNU/Linux 13").first.wait_for()
    page.goto("/host/added/change/")
    page.get_by_role("button", name="Remove added").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.wait_for_url(re.compile(r"/$"))


def test_bad_input_says_what_is_wrong_and_loses_nothing(server, open_page, axe):
    page = open_page(server, width=390)
    page.goto("/hosts/add/")
    page.get_by_label("Name").fill("kept")
    page.get_by_label("Address").fill("-oProxyCommand=x")
    page.get_by_role("button", name="Add and connect").click()
    page.get_by_text("without user, port or spaces").wait_for()
    assert page.get_by_label("Name").input_value() == "kept"
    assert axe(page) == []


def test_a_viewer_finds_no_such_page(server, open_page):
    assert open_page(server, role="viewer").goto("/hosts/add/").status == 404


@pytest.mark.parametrize(("address", "title"), [("no-such-host.invalid", "name could not be found")])
def test_an_unreachable_host_says_why(server, open_page, address, title):
    done = subprocess.run(
        [sys.executable, "manage.py", "hosts", "add", "nowhere", address],
        cwd=ROOT,
        env=environment(server.data, "console.settings"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = open_page(server)
    page.goto("/host/nowhere/connection/")
    page.get_by_text(title).wait_for()
    subprocess.run(
        [sys.executable, "manage.py", "hosts", "remove", "nowhere"],
        cwd=ROOT,
        env=environment(server.data, "console.settings"),
        check=True,
    )
