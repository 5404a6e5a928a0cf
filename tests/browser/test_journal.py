"""The journal in a browser: live, filtered, paged back, opened, flooded, out of reach; hostile lines."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.fleet import row, serve_fleet

pytestmark = pytest.mark.lab
PATIENCE = 30_000  # ms
HOSTILE = (
    "printf '<img src=x onerror=alert(1)> <a hx-get=/x hx-trigger=load>x</a> "
    "\\033[31mred\\033[0m \\033]0;title\\007 end\\n'"
)


@pytest.fixture(scope="module")
def logs(lab):
    """A host of this module's own."""
    host = lab.start("logs")[0]
    unlimited = "[Journal]\\nRateLimitIntervalSec=0\\n"  # else journald itself drops most of a flood
    host.shell(
        f"mkdir -p /run/systemd/journald.conf.d; printf '{unlimited}' > /run/systemd/journald.conf.d/flood.conf"
    )
    host.shell("systemctl restart systemd-journald")
    yield host
    lab.down("logs")


@pytest.fixture(scope="module")
def console(tmp_path_factory, logs):
    with serve_fleet(tmp_path_factory.mktemp("journal"), logs.key_path, [row(logs, "logs")]) as served:
        yield served


@pytest.fixture
def journal(console, open_page):
    def open_it(query="", **options):
        page = open_page(console, **options)
        page.goto(f"/host/logs/journal/{query}")
        expect(page.locator(".log-line").first).to_be_visible(timeout=PATIENCE)
        return page

    return open_it


def test_new_lines_come_by_themselves_and_are_only_text(journal, logs, axe):
    asked = []
    page = journal()
    page.on("request", lambda request: asked.append(request.url))
    logs.shell(f"{HOSTILE} | systemd-cat -t hostile")
    line = page.locator(".log-line", has_text="hostile").last
    expect(line.locator(".what")).to_have_text(
        "<img src=x onerror=alert(1)> <a hx-get=/x hx-trigger=load>x</a> red  end", timeout=PATIENCE
    )
    expect(line.locator(".sgr-red")).to_have_text("red")
    assert page.locator(".log-lines img, .log-lines a").count() == 0
    assert not [url for url in asked if url.endswith("/x")]
    assert axe(page) == []


def test_a_line_opens_to_all_its_fields_and_has_an_address(journal, logs):
    logs.shell("echo open-me | systemd-cat -t fields")
    page = journal("?identifier=fields")
    page.locator(".log-line", has_text="open-me").last.click()
    expect(page.locator(".log-fields")).to_contain_text("_TRANSPORT", timeout=PATIENCE)
    cursor = page.locator(".log-line").last.get_attribute("data-cursor")
    page.goto(f"/host/logs/journal/entry/?cursor={cursor}")
    expect(page.get_by_role("table")).to_contain_text("open-me")


def test_filters_are_combined_in_the_address(journal, logs, axe):
    logs.shell(
        "logger -p err -t mixed wanted; logger -p info -t mixed wanted-not; logger -p err -t other wanted-not"
    )
    page = journal("?identifier=mixed")
    page.get_by_label("Priority").select_option("3")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("priority=3"))
    expect(page.locator(".log-line .what")).to_have_text(["wanted"], timeout=PATIENCE)
    page.goto("/host/logs/journal/?unit=../x")
    expect(page.get_by_role("alert")).to_contain_text("is not the name of a unit")
    assert axe(page) == []


def test_scrolling_up_reads_older_entries_and_stops_the_follow(journal, logs):
    logs.shell("for i in $(seq 500); do echo back-$i; done | systemd-cat -t back; journalctl --sync")
    page = journal("?identifier=back")
    expect(page.locator(".log-line")).to_have_count(200, timeout=PATIENCE)
    page.locator("#lines").evaluate("lines => { lines.scrollTop = 0 }")
    expect(page.locator(".log-line", has_text=re.compile("back-250$"))).to_be_attached(timeout=PATIENCE)
    expect(page.get_by_label("Follow")).not_to_be_checked()


def test_a_flood_neither_freezes_the_page_nor_grows_it(journal, logs):
    page = journal()
    page.evaluate("""() => {
      window.worst = 0; let last = performance.now();
      const tick = (now) => { window.worst = Math.max(window.worst, now - last); last = now; requestAnimationFrame(tick); };
      requestAnimationFrame(tick);
    }""")
    logs.shell("(yes 'a flood of lines' | head -n 30000; echo after-the-flood) | systemd-cat -t flood")
    expect(page.locator(".log-line", has_text="after-the-flood")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".log-gap").last).to_contain_text("lines skipped")
    assert page.locator("#lines > *").count() <= 1500
    print(f"worst gap between two frames: {page.evaluate('window.worst'):.0f} ms")
    before = page.locator(".log-line").count()
    page.get_by_label("Follow").uncheck()
    page.locator(".log-gap button").last.click()
    expect(page.locator(".log-line").nth(before)).to_be_attached(timeout=PATIENCE)


def test_selecting_text_holds_new_lines_back(journal, logs):
    logs.shell("echo select-me | systemd-cat -t select")
    page = journal("?identifier=select")
    page.locator(".log-line .what").last.evaluate("e => getSelection().selectAllChildren(e)")
    logs.shell("echo came-later | systemd-cat -t select")
    expect(page.locator("[data-newest]")).to_be_visible(timeout=PATIENCE)
    assert page.locator(".log-line", has_text="came-later").count() == 0
    page.locator("[data-newest]").click()
    expect(page.locator(".log-line", has_text="came-later")).to_be_visible()


def test_a_lost_connection_is_said_and_the_follow_goes_on(journal, logs):
    logs.shell("echo one | systemd-cat -t lost")
    page = journal("?identifier=lost")
    logs.restart_sshd()
    logs.shell("pkill -x sshd-session || true; for i in 2 3 4; do echo n$i | systemd-cat -t lost; done")
    expect(page.locator(".log-line .what")).to_have_text(["one", "n2", "n3", "n4"], timeout=60_000)


def test_narrow_and_dark(journal, axe):
    page = journal(width=390, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe(page) == []
