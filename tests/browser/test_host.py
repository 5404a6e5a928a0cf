"""A host's page in a browser, with a real host: live, frozen, out of reach, never seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.fleet import row, serve_fleet

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def icy(lab):
    """A host of this module's own."""
    yield lab.start("icy")[0]
    lab.down("icy")


@pytest.fixture(scope="module")
def console(tmp_path_factory, icy):
    rows = [row(icy, "icy"), row(icy, "stranger") | {"host_key": ""}]
    with serve_fleet(tmp_path_factory.mktemp("host"), icy.key_path, rows) as served:
        yield served


@pytest.fixture
def host_page(console, open_page):
    """The page of icy while it is online and measured."""

    def open_it(**options):
        page = open_page(console, **options)
        page.goto("/host/icy/")
        expect(page.locator("#page-state")).to_have_text("online", timeout=60_000)
        expect(page.locator("[data-field=cpu]")).to_contain_text("%", timeout=30_000)
        return page

    return open_it


def test_numbers_curves_and_charts_are_live(host_page, axe):
    page = host_page()
    expect(page.locator(".chart canvas")).to_have_count(6)
    for field in ("memory", "load", "disk", "io", "network", "core0", "fs0"):
        expect(page.locator(f"[data-field={field}]").first).not_to_be_empty()
    expect(page.locator("#identity")).to_contain_text("Debian")
    expect(page.locator("#top")).to_contain_text("ssh.service", timeout=30_000)
    curve = page.locator(".tile svg[data-field=cpu-curve] .spark-line")
    before = curve.get_attribute("d")
    expect(curve).not_to_have_attribute("d", before, timeout=30_000)
    page.reload()
    expect(page.locator("#identity")).to_contain_text("Debian")
    assert axe(page) == []


def test_a_failed_unit_is_among_the_findings_and_leads_to_it(host_page, icy):
    page = host_page()
    icy.shell("systemd-run --unit=drops.service false", check=False)
    found = page.locator("#health").get_by_role("link", name="drops.service has failed")
    expect(found).to_be_visible(timeout=30_000)
    assert found.get_attribute("href") == "/host/icy/units/drops.service/"
    icy.shell("systemctl reset-failed drops.service")
    expect(found).to_have_count(0, timeout=30_000)


def test_a_frozen_host_says_since_when_and_heals(host_page, icy, axe):
    page = host_page()
    icy.freeze()
    try:
        expect(page.locator("#link")).to_contain_text(re.compile(r"as of \d+\ss ago"), timeout=30_000)
        expect(page.locator("#page-state")).to_have_text("stale")
        expect(page.locator("[data-field=memory]")).to_contain_text("%")
        assert axe(page) == []
    finally:
        icy.thaw()
    expect(page.locator("#page-state")).to_have_text("online", timeout=60_000)
    expect(page.locator("#link .banner")).to_have_count(0)


def test_out_of_reach_it_says_when_it_tries_again_and_tries_now(host_page, icy):
    page = host_page()
    icy.stop_sshd()
    try:
        expect(page.locator("#link")).to_contain_text("next attempt", timeout=30_000)
        page.wait_for_timeout(4000)
    finally:
        icy.start_sshd()
    page.locator("#link").get_by_role("button", name="Try now").click()
    expect(page.locator("#page-state")).to_have_text("online", timeout=30_000)


def test_a_host_whose_key_is_not_known_shows_its_fingerprint(console, open_page, axe):
    page = open_page(console)
    page.goto("/host/stranger/")
    expect(page.locator("#page-state")).to_have_text("refused", timeout=30_000)
    expect(page.locator("#link")).to_contain_text("SHA256:")
    expect(page.get_by_role("heading", name="Nothing is known of this host yet")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("link", name="Repair the connection").click()
    expect(page).to_have_url(re.compile("/host/stranger/connection/"))


def test_on_a_phone_and_in_the_dark(host_page, axe):
    page = host_page(width=390, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
