"""Units in a browser, with a real host: the list, one unit, its verbs, its override, its timers; failed, stale, hostile."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.fleet import row, serve_fleet

pytestmark = pytest.mark.lab
HOSTILE = '<b>shop</b> <img src=x onerror=alert(1)> hx-get="/x" hx-trigger="load"'
SHOP = f"[Unit]\nDescription={HOSTILE}\n[Service]\nExecStart=sleep 1000\n"
SAD = '[Service]\nType=oneshot\nExecStart=sh -c "echo the ledger is locked; exit 3"\n'


@pytest.fixture(scope="module")
def unity(lab):
    """A host of this module's own."""
    host = lab.start("unity")[0]
    for name, text in (("shop", SHOP), ("sad", SAD)):
        host.shell(f"cat > /etc/systemd/system/{name}.service", stdin=text)
    host.shell("systemctl daemon-reload; systemctl start shop; systemctl start sad || true")
    yield host
    lab.down("unity")


@pytest.fixture(scope="module")
def console(tmp_path_factory, unity):
    with serve_fleet(tmp_path_factory.mktemp("units"), unity.key_path, [row(unity, "unity")]) as served:
        yield served


@pytest.fixture
def open_at(console, open_page):
    def open_it(path, **options):
        page = open_page(console, **options)
        page.goto(f"/host/unity/{path}")
        expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=60_000)
        return page

    return open_it


def test_the_list_is_live_filtered_and_failed_first(open_at, unity, axe):
    page = open_at("units/")
    expect(page.locator("#units-list tr").first).to_have_attribute("id", "unit:sad.service", timeout=30_000)
    expect(page.locator("[id='unit:shop.service']")).to_contain_text("active")
    assert page.locator("#units-list img").count() == 0
    unity.shell("systemd-run --unit=fresh.service sleep 1000")
    expect(page.locator("[id='unit:fresh.service']")).to_contain_text("active", timeout=30_000)
    unity.shell("systemctl stop fresh.service")
    expect(page.locator("[id='unit:fresh.service']")).to_have_count(0, timeout=30_000)
    page.get_by_label("Filter units").fill("shop")
    expect(page.locator("#units-list tr:visible")).to_have_count(1)
    page.locator("[id='unit:shop.service'] summary").click()
    expect(page.locator("[id='unit:shop.service'] .menu-list button", has_text="Restart")).to_be_visible()
    assert not axe(page)
    page.goto("/host/unity/units/?state=failed")
    expect(page.locator("#units-list tr:visible")).to_have_count(1)


def test_a_unit_is_stopped_and_started_on_its_page(open_at, unity, axe):
    page = open_at("units/shop.service/")
    expect(page.locator("#page-state")).to_have_text("active (running)")
    expect(page.locator("#unit-processes")).to_contain_text("sleep 1000")
    expect(page.locator("#unit-files")).to_contain_text("ExecStart=sleep 1000")
    expect(page.locator("#unit-log")).to_contain_text("Started")
    assert page.locator("#main img").count() == 0
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#page-state")).to_have_text("inactive (dead)")
    expect(page.locator(".toast", has_text="shop.service stopped")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#page-state")).to_have_text("active (running)")
    unity.shell("systemctl kill --signal=KILL shop.service")
    expect(page.locator("#page-state")).to_contain_text("failed", timeout=30_000)
    expect(page.locator("#unit-alerts")).to_contain_text("The main process ended with signal SIGKILL")
    assert not axe(page)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#page-state")).to_have_text("active (running)")
    expect(page.locator("#unit-alerts .banner")).to_have_count(0)


def test_a_failure_says_why(open_at, axe):
    page = open_at("units/sad.service/", width=390, height=844, color_scheme="dark")
    expect(page.locator("#unit-alerts")).to_contain_text("It failed: a process ended with an error.")
    expect(page.locator("#unit-last-lines")).to_contain_text("the ledger is locked")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not axe(page)


def test_an_override_is_checked_written_and_undone(open_at, unity, axe):
    page = open_at("units/shop.service/")
    page.get_by_role("link", name="Edit the override").first.click()
    text = page.get_by_label("/etc/systemd/system/shop.service.d/override.conf")
    text.fill("[Service]\nNicee=3\n")
    page.get_by_role("button", name="Write it").click()
    expect(page.locator("[role=alert]")).to_contain_text("Line 2: Unknown key")
    assert not axe(page)
    text.fill("[Service]\nNice=3\n")
    page.get_by_role("button", name="Write it").click()
    expect(page).to_have_url(re.compile(r"/operations/\d+/"))
    assert "Nice=3" in unity.shell("systemctl cat shop.service")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#main")).to_contain_text("override.conf removed")
    assert "Nice=3" not in unity.shell("systemctl cat shop.service")


def test_a_service_is_made(open_at, unity, axe):
    page = open_at("units/")
    page.get_by_role("link", name="New service").click()
    page.get_by_label("Name", exact=True).fill("made")
    page.get_by_label("Command").fill("sleep 'one thousand'")
    page.get_by_role("button", name="Show the file").click()
    expect(page.locator("textarea")).to_have_value(re.compile('ExecStart=sleep "one thousand"'))
    assert not axe(page)
    page.get_by_role("button", name="Write made.service").click()
    expect(page).to_have_url(re.compile(r"/operations/\d+/"))
    assert 'ExecStart=sleep "one thousand"' in unity.shell("cat /etc/systemd/system/made.service")


def test_timers_and_the_units_of_a_login(open_at, axe):
    page = open_at("timers/")
    expect(page.locator("[id='timer:systemd-tmpfiles-clean.timer']")).to_contain_text("in ")
    page.get_by_role("link", name="alice").click()
    expect(page).to_have_url(re.compile("/user/alice/timers/"))
    page.goto("/host/unity/user/alice/units/")
    expect(page.locator("[id='unit:basic.target']")).to_contain_text("active", timeout=30_000)
    assert not axe(page)


def test_a_viewer_is_offered_nothing(open_at):
    page = open_at("units/shop.service/", role="viewer")
    expect(page.locator("#unit-facts")).to_contain_text("running")
    assert page.locator("#unit-head button").count() == 0
    assert page.locator("#unit-log").count() == 0


def test_a_host_that_does_not_answer_leaves_what_was_seen(open_at, unity):
    page = open_at("units/shop.service/")
    expect(page.locator("#unit-facts")).to_contain_text("running")
    unity.freeze()
    try:
        expect(page.locator("#link .banner")).to_be_visible(timeout=60_000)
        page.reload()
        expect(page.locator("#page-state")).to_have_text("active (running)")
        expect(page.locator("#unit-facts")).to_contain_text("running")
    finally:
        unity.thaw()
    expect(page.locator("#link .banner")).to_have_count(0, timeout=60_000)
