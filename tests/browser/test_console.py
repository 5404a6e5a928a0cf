"""The console itself, served as it is for users: its own pages in the frame, by role."""

import pytest
from playwright.sync_api import expect

PAGES = ("/operations/", "/audit/", "/access/", "/about/")


@pytest.mark.parametrize("path", PAGES)
def test_the_consoles_pages_are_accessible(page, axe, path):
    page.goto(path)
    page.wait_for_timeout(300)
    assert page.locator("h1").count() == 1
    assert not axe(page)
    assert page.locator("#sidebar [aria-current=page]").get_attribute("href") == path


def test_a_viewer_is_not_shown_what_they_may_not_open(server, open_page):
    page = open_page(server, role="viewer")
    page.goto("/operations/")
    links = page.locator("#sidebar nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == ["/", "/operations/", "/about/"]
    assert page.goto("/audit/").status == 404
    expect(page.get_by_role("heading", name="There is nothing here that you may see")).to_be_visible()


def test_signing_in_with_a_password_and_out_again(server, open_page):
    page = open_page(server, role="")
    page.goto("/operations/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{server.url}/operations/")
    page.locator("summary.user").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/operations/")
    expect(page.get_by_role("heading", name="Sign in to Vigie")).to_be_visible()
