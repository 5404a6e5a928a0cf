"""Live pages: what the server says changes the page, and nothing of what the user is doing is lost by it."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def units(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    expect(page.locator("#live")).to_have_text("Live")
    return page


def tell(page, **message):
    """Send a message to the preview's stream, which plays it back."""
    page.evaluate(
        """async (message) => {
            const preloads = [...document.querySelectorAll("link[rel=modulepreload]")];
            const script = preloads.find(link => link.href.includes("/live"));
            const {send} = await import(script.href);
            send(document.querySelector("[data-stream]"), message);
        }""",
        message,
    )


def play(page, *frames):
    tell(page, play=[list(frame) for frame in frames])


def test_a_row_is_replaced_in_place_and_keeps_its_open_menu_and_focus(units):
    units.locator("#unit-15 summary").click()
    expect(units.locator("#unit-15").get_by_role("button", name="Restart")).to_be_visible()
    units.keyboard.press("ArrowDown")
    focused = units.evaluate("document.activeElement.textContent.trim()")
    tell(units, render=15, **{"with": {"state": "failed", "tone": "danger"}})
    expect(units.locator("#unit-15")).to_contain_text("failed")
    expect(units.locator("#unit-15 details")).to_have_attribute("open", "")
    assert units.evaluate("document.activeElement.textContent.trim()") == focused == "Restart"


def test_a_row_moves_when_its_key_says_so_and_new_ones_find_their_place(units):
    tell(units, render=15, **{"with": {"state": "failed", "key": "0-chrony-15.service"}})
    expect(units.locator("#units tbody tr").first).to_have_id("unit-15")
    tell(units, render=15, **{"with": {"id": "unit-new", "name": "aaa.service", "key": "1-aaa.service"}})
    expect(units.locator("#units tbody tr").nth(3)).to_have_id("unit-new")
    expect(units.locator("[data-count]")).to_have_text("61 units")


def test_rows_that_leave_are_gone_and_gaps_are_closed(units):
    play(units, ["remove", {"ids": ["unit-15", "unit-23"]}])
    expect(units.locator("[data-count]")).to_have_text("58 units")
    play(units, ["only", {"list": "units-list", "ids": ["unit-1", "unit-2"]}])
    expect(units.locator("[data-count]")).to_have_text("2 units")


def test_a_filter_holds_for_rows_that_change(units):
    units.get_by_role("searchbox").fill("chrony")
    expect(units.locator("[data-count]")).to_have_text("7 of 60 units")
    tell(units, render=15, **{"with": {"name": "other.service"}})
    expect(units.locator("#unit-15")).to_be_hidden()
    tell(units, render=1, **{"with": {"state": "activating"}})
    expect(units.locator("#unit-1")).to_contain_text("activating")
    expect(units.locator("#unit-1")).to_be_hidden()


def test_patches_change_text_only(units):
    units.evaluate("window.row = document.querySelector('#unit-15')")
    play(units, ["patch", {"patch": {"unit-15": {"cpu": ["99.0 %", 99]}}}])
    expect(units.locator("#unit-15 [data-field=cpu]")).to_have_text("99.0 %")
    assert units.evaluate("window.row === document.querySelector('#unit-15')")


def test_text_that_is_selected_stays_selected(units):
    units.evaluate("getSelection().selectAllChildren(document.querySelector('#unit-15 .name'))")
    tell(units, render=15, **{"with": {"state": "activating"}})
    expect(units.locator("#unit-15")).to_contain_text("activating")
    assert units.evaluate("getSelection().toString()") == "chrony-15.service"


def test_what_is_sent_is_inserted_as_the_server_escaped_it(units):
    tell(units, render=15, **{"with": {"description": "<img src=x onerror=alert(1)> hx-get=/verb/"}})
    expect(units.locator("#unit-15 td.clip")).to_have_text("<img src=x onerror=alert(1)> hx-get=/verb/")


def test_a_lost_line_says_so_and_resumes_where_it_was(units):
    play(units, ["note", {"resume": "cursor-7"}])
    units.evaluate("""() => {
        window.resumed = new Promise(done =>
            document.addEventListener("stream:hello", event => done(event.detail.resumed), {once: true}));
    }""")
    tell(units, close=4408)
    expect(units.locator("#live")).to_contain_text("not live since")
    expect(units.locator("#live")).to_have_text("Live")
    assert units.evaluate("window.resumed") == "resume=cursor-7"


def test_a_lost_right_is_final(preview, open_page):
    page = open_page(preview)
    page.goto("/states/")
    expect(page.locator("#live")).to_have_text("Not live")
    expect(page.locator("#live")).to_have_attribute("title", "You may not see this any more")


def test_leaving_a_page_closes_its_stream(units):
    closed = []
    units.on("websocket", lambda socket: closed.append(socket.url))
    units.locator("#sidebar").get_by_role("link", name="All hosts").click()
    expect(units.get_by_role("heading", level=1)).to_have_text("Hosts")
    expect(units.locator("#live")).to_have_text("Live")
    assert len(closed) == 1, "one new stream, for the new page"


def test_a_flood_leaves_the_page_responsive(units):
    frames = [["patch", {"patch": {"unit-15": {"cpu": f"{number} %"}}}] for number in range(3000)]
    worst = """() => new Promise(done => {
        let last = performance.now(), worst = 0;
        const until = last + 2500;
        requestAnimationFrame(function frame(now) {
            worst = Math.max(worst, now - last);
            last = now;
            now < until ? requestAnimationFrame(frame) : done(worst);
        });
    })"""
    play(units, *frames)
    assert units.evaluate(worst) < 200
    expect(units.locator("#unit-15 [data-field=cpu]")).to_have_text("2999 %")


def test_samples_draw_curves_and_charts(preview, open_page):
    page = open_page(preview)
    page.goto("/host/web1/")
    expect(page.locator(".chart canvas")).to_have_count(1)
    curve = page.locator("#tile-cpu .spark-line")
    before = curve.get_attribute("d")
    expect(curve).not_to_have_attribute("d", before)
    expect(page.locator("#tile-cpu [data-field=cpu]")).to_contain_text("%")
