"""The frame: accessible in both themes and widths, light to load, quick to move in, and usable by keyboard."""

import re

import pytest
from playwright.sync_api import expect

PAGES = ("/", "/units/", "/host/web1/", "/states/", "/accounts/2fa/", "/accounts/sessions/", "/nothing/")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(preview, open_page, axe, scheme, width):
    page = open_page(preview, width=width, color_scheme=scheme, reduced_motion="reduce")
    found = []
    for path in PAGES:
        page.goto(path)
        page.wait_for_timeout(300)
        found += [f"{path} {line}" for line in axe(page)]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{path} is wider than the screen"
        )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_in(preview, open_page, axe, scheme):
    page = open_page(preview, role="", color_scheme=scheme)
    page.goto("/accounts/login/")
    assert not axe(page)


def test_axe_finds_nothing_in_what_opens(preview, open_page, axe):
    page = open_page(preview, reduced_motion="reduce")
    page.goto("/units/")
    page.locator("#unit-15 summary").click()
    assert not axe(page)
    page.get_by_role("button", name="Restart").first.click()
    assert not axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find").fill("web")
    expect(page.locator("#found-0")).to_contain_text("web1")
    assert not axe(page)


def test_first_load_is_light(preview, open_page):
    page = open_page(preview)
    sizes = weigh(page, lambda: page.goto("/units/?number=300"))
    assert sum(sizes) <= 250_000, sizes
    assert len(sizes) <= 10, sizes


def test_later_pages_are_lighter(preview, open_page):
    page = open_page(preview)
    page.goto("/")
    page.wait_for_timeout(500)
    sizes = weigh(page, lambda: page.goto("/units/?number=300"))
    assert sum(sizes) <= 30_000, sizes


def weigh(page, act):
    """Bytes over the wire of each request that `act` causes, headers included."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes = []
    session.on(
        "Network.loadingFinished",
        lambda event: event["encodedDataLength"] and sizes.append(event["encodedDataLength"]),
    )
    act()
    page.wait_for_timeout(800)
    session.detach()
    return [size for size in sizes if size]  # what came from the cache has none


CLICK = """(href) => new Promise(resolve => {
    const start = performance.now();
    const painted = () => requestAnimationFrame(() => resolve(performance.now() - start));
    document.addEventListener("htmx:after:swap", painted, {once: true});
    document.querySelector(`#sidebar a[href='${href}'], .name a[href='${href}']`).click();
})"""


def test_navigation_swaps_the_page_within_100_ms(preview, open_page):
    page = open_page(preview)
    page.goto("/host/web1/")
    page.wait_for_timeout(500)
    page.evaluate("window.stayed = true")
    took = [page.evaluate(CLICK, href) for href in ("/", "/host/web1/") * 4]
    took.append(page.evaluate(CLICK, "/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Hosts")
    assert page.url.endswith("/") and page.title() == "Hosts · Vigie"
    assert page.evaluate("window.stayed")
    assert sorted(took)[len(took) // 2] < 100, took
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("web1")
    expect(page.locator("#sidebar [aria-current=page]")).to_have_text("Overview")


def test_theme_is_chosen_and_kept(preview, open_page):
    page = open_page(preview, color_scheme="light")
    page.goto("/")
    page.get_by_role("button", name="Switch between dark and light").click()
    expect(page.locator("html")).to_have_class("pf-v6-theme-dark")
    page.goto("/units/")
    expect(page.locator("html")).to_have_class("pf-v6-theme-dark")
    assert 'class="pf-v6-theme-dark"' in page.request.get("/units/").text(), (
        "the server writes it, so that nothing flashes"
    )


def test_a_verb_asks_is_busy_and_ends_in_a_toast(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    page.locator("#unit-15 summary").click()
    page.locator("#unit-15").get_by_role("button", name="Restart").click()
    dialog = page.get_by_role("dialog", name="Restart chrony-15.service on web1?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#unit-15 summary").click()
    page.locator("#unit-15").get_by_role("button", name="Restart").click()
    dialog.get_by_role("button", name="Restart").click()
    expect(page.locator("#unit-15 button[aria-busy=true]")).to_have_count(1)
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("nginx.service restarted")
    expect(toast.get_by_role("link")).to_have_attribute("href", "/operations/7/")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("Units")


def test_keyboard_finds_goes_and_helps(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Filter units")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hosts")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    page.keyboard.type("web2")
    expect(page.locator("#palette-list a")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/host/web2/$"))


def test_the_drawer_opens_on_a_narrow_screen(preview, open_page):
    page = open_page(preview, width=390, height=844)
    page.goto("/units/")
    link = page.get_by_role("navigation", name="web1").get_by_role("link", name="All hosts")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hosts")
    expect(page.get_by_role("navigation", name="Vigie")).to_be_hidden()


def test_a_page_works_without_scripts(preview, open_page):
    page = open_page(preview, java_script_enabled=False)
    page.goto("/units/")
    expect(page.locator("#units tbody tr")).to_have_count(60)
    expect(page.locator("#live")).to_have_text("Not live")
    page.locator("#sidebar").get_by_role("link", name="All hosts").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hosts")


def test_hostile_text_stays_text(preview, open_page):
    page = open_page(preview)
    page.goto("/units/")
    expect(page.locator("#unit-15 td.clip")).to_have_text("A service that does its work <b>number 15</b>")
    assert page.locator("#units b").count() == 0
