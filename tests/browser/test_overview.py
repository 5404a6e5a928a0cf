"""The overview in a browser, with real hosts: one that is well, one that can be frozen, one that is not there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.fleet import row, serve_fleet

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def frosty(lab):
    """A host of this module's own."""
    yield lab.start("frosty")[0]
    lab.down("frosty")


@pytest.fixture(scope="module")
def console(tmp_path_factory, web1, frosty):
    rows = [
        row(web1, "web1", group_names=["web"]),
        row(frosty, "frosty", group_names=["cold"]),
        row(web1, "away", port=1, group_names=["cold"]),
    ]
    with serve_fleet(tmp_path_factory.mktemp("overview"), web1.key_path, rows) as served:
        yield served


@pytest.fixture
def overview(console, open_page):
    """The overview with both hosts online."""

    def open_it(**options):
        page = open_page(console, **options)
        page.goto("/")
        for name in ("web1", "frosty"):
            expect(line(page, name).locator(".state").first).to_have_text("online", timeout=30_000)
            expect(line(page, name)).to_contain_text("%", timeout=30_000)
        expect(line(page, "away").locator(".state").first).to_have_text("unreachable", timeout=30_000)
        return page

    return open_it


def line(page, name):
    return page.locator("#hosts-list tr", has=page.get_by_role("link", name=name, exact=True))


def names(page):
    return page.locator("#hosts-list tr:visible td.name a").all_inner_texts()


def test_worst_first_filtered_sorted_and_opened(overview, axe):
    page = overview()
    assert names(page)[0] == "away"
    expect(line(page, "web1")).to_contain_text("Debian 13")
    assert axe(page) == []
    page.get_by_role("link", name=re.compile("Hosts online")).click()
    expect(page).to_have_url(re.compile(r"\?problem=away"))
    expect(page.locator("[data-count=hosts]")).to_have_text("1 of 3 hosts")
    assert names(page) == ["away"]
    page.get_by_label("Show").select_option("")
    page.get_by_label("Group").select_option("web")
    expect(page.locator("[data-count=hosts]")).to_have_text("1 of 3 hosts")
    page.get_by_label("Group").select_option("")
    page.get_by_role("button", name="Host", exact=True).click()
    assert names(page) == ["away", "frosty", "web1"]
    page.get_by_label("Filter hosts").fill("nothing like it")
    expect(page.get_by_text("No hosts match this filter")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_role("link", name="web1", exact=True).click()
    expect(page.get_by_role("heading", name="web1", level=1)).to_be_visible()


def test_a_unit_that_fails_is_seen_and_leads_to_it(overview, web1):
    page = overview()
    web1.shell("systemd-run --unit=stumbles.service false", check=False)
    failed = line(page, "web1").get_by_role("link", name="failed units")
    expect(failed).to_be_visible(timeout=30_000)
    expect(line(page, "web1")).to_have_attribute(
        "data-key", re.compile("^1 ")
    )  # after those that do not answer
    failed.click()
    expect(page).to_have_url(re.compile(r"/host/web1/units/\?state=failed"))
    expect(page.locator("#units tbody tr:visible")).to_have_count(1)
    page.go_back()
    web1.shell("systemctl reset-failed stumbles.service")
    expect(line(page, "web1").get_by_role("link", name="failed units")).to_have_count(0, timeout=30_000)


def test_a_frozen_host_turns_grey_as_of_and_heals(overview, frosty, axe):
    page = overview()
    frosty.freeze()
    try:
        expect(line(page, "frosty")).to_contain_text(re.compile(r"as of \d+\ss ago"), timeout=30_000)
        expect(line(page, "frosty")).to_have_attribute("data-tone", "away")
        expect(line(page, "frosty")).to_contain_text("%")  # what was last known
        expect(line(page, "web1").locator(".state").first).to_have_text("online")
        assert axe(page) == []
    finally:
        frosty.thaw()
    expect(line(page, "frosty").locator(".state").first).to_have_text("online", timeout=60_000)


def test_on_a_phone_and_in_the_dark(overview, axe):
    page = overview(width=390, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []


def test_an_empty_overview_invites_to_add_a_host(page, axe):
    page.goto("/")
    expect(page.get_by_role("heading", name="No hosts yet")).to_be_visible()
    expect(page.locator("#hosts")).to_be_hidden()
    assert axe(page) == []
    page.get_by_role("link", name="Add a host").click()
    expect(page).to_have_url(re.compile("/hosts/add/"))
