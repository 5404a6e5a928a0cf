"""Containers in a browser, on a real host: the list, one container, its log."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect

from tests.browser.server import ROOT, environment, first_start, serve
from tests.browser.test_terminal import ADD_HOST

pytestmark = pytest.mark.lab
TICKING = "/bin/sh -c 'trap \"exit 0\" TERM; while :; do echo tick; echo oops >&2; sleep 0.2; done'"
HOSTILE = "--label 'evil=<img src=x onerror=alert(1)> hx-get=/'"
MARKUP = "echo '<b hx-get=/>bold</b>'"
FLOOD = f'/bin/sh -c "{MARKUP}; sleep 1; seq 1 60000; sleep 1000"'


@pytest.fixture(scope="module")
def console(tmp_path_factory, web1):
    """A console that knows web1, where three containers are."""
    image = web1.busybox()
    web1.shell(
        f"podman run -d --name seen -e API_TOKEN=geheim {HOSTILE} {image} {TICKING};"
        f"podman run -d --name touched {image} {TICKING}; podman create --name idle {image}"
    )
    data = tmp_path_factory.mktemp("containers")
    (data / "sessions.json").write_text(json.dumps(first_start(data)))
    (data / "ssh").mkdir(mode=0o700)
    shutil.copy(web1.key_path, data / "ssh" / "id_ed25519")
    subprocess.run(
        [sys.executable, "-c", ADD_HOST],
        cwd=ROOT,
        env=environment(data, "console.settings"),
        input=json.dumps({"name": "web1", "address": web1.address, "host_key": web1.host_key}),
        text=True,
        check=True,
    )
    with serve(data) as served:
        yield served
    web1.shell("podman rm -f -t 0 -i seen touched idle flood")


def row(page, name):
    return page.locator("#workloads-list tr").filter(has=page.get_by_role("link", name=name, exact=True))


def listed(page):
    """The host may still be connecting when the first page is asked for."""
    for _ in range(40):
        page.goto("/host/web1/containers/")
        if page.locator("#workloads").count():
            return
        page.wait_for_timeout(500)
    raise AssertionError("no list of workloads came")


def test_the_list_is_live_and_acts(console, open_page, web1, axe):
    page = open_page(console)
    listed(page)
    expect(row(page, "seen")).to_contain_text("running")
    expect(row(page, "seen").locator("[data-field=cpu]")).to_have_text(re.compile(r"\d"), timeout=30_000)
    assert axe(page) == []
    web1.shell("podman stop touched")
    began = time.monotonic()
    expect(row(page, "touched")).to_contain_text("exited")
    print(f"seen after {time.monotonic() - began:.2f} s")
    row(page, "touched").locator("summary").click()
    row(page, "touched").get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("touched started")
    expect(row(page, "touched")).to_contain_text("running")
    row(page, "idle").locator("summary").click()
    row(page, "idle").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#confirm")).to_contain_text("Remove container idle on web1?")
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    expect(row(page, "idle")).to_have_count(0)


def test_filters_and_narrow_screens(console, open_page, axe):
    page = open_page(console, width=390, height=800)
    listed(page)
    page.get_by_role("searchbox").fill("seen")
    expect(page.locator("#workloads-list tr:not([hidden])")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []


def test_a_container_has_a_page_of_its_own(console, open_page, web1, axe):
    page = open_page(console)
    listed(page)
    row(page, "seen").get_by_role("link", name="seen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("seen")
    expect(page.locator("#facts")).to_contain_text("API_TOKEN")
    expect(page.locator("#facts")).not_to_contain_text("geheim")
    expect(page.locator("#facts")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#processes")).to_contain_text("sleep 0.2", timeout=30_000)
    assert axe(page) == []
    web1.shell("podman pause seen")
    expect(page.locator("#workload-state")).to_have_text("paused")
    web1.shell("podman unpause seen")
    expect(page.locator("#workload-state")).to_have_text("running")


def test_the_log_follows_and_survives_a_flood(console, open_page, web1, axe):
    web1.shell(f"podman run -d --log-driver k8s-file --name flood {web1.busybox()} {FLOOD}")
    page = open_page(console)
    listed(page)
    expect(row(page, "flood")).to_be_visible()
    page.goto("/host/web1/containers/container/-/flood/logs/")
    expect(page.locator("#lines .log-line").last).to_contain_text("60000", timeout=30_000)
    assert page.locator("#lines > *").count() <= 2000
    assert page.locator("#lines b, #lines [hx-get]").count() == 0
    assert axe(page) == []


def test_a_stopped_socket_is_said_and_heals(console, open_page, web1):
    page = open_page(console)
    listed(page)
    try:
        web1.shell("systemctl stop podman.socket podman.service")
        expect(page.locator("#engines")).to_contain_text("Podman's socket is stopped", timeout=30_000)
        page.get_by_role("button", name="Start podman.socket").click()
        expect(page.locator("#engines")).not_to_contain_text("stopped", timeout=30_000)
        expect(row(page, "seen")).to_contain_text("running")
    finally:
        web1.shell("systemctl start podman.socket")
