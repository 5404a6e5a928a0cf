"""Fixtures of the browser tests: a served console, Chromium, a page that is signed in, axe.

A page's own faults (exceptions, refused by the content security policy) fail the test that caused them.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.axe import violations
from tests.browser.server import serve

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --no-first-run"


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The console itself, with an admin, an operator and a viewer."""
    with serve(tmp_path_factory.mktemp("console")) as served:
        yield served


@pytest.fixture(scope="session")
def preview(tmp_path_factory):
    """The console's frame around made-up pages (tests/browser/preview)."""
    with serve(tmp_path_factory.mktemp("preview"), preview=True) as served:
        yield served


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """`open_page(served, role="admin", **context options)`: a page signed in as that role ("" for nobody)."""
    contexts, faults = [], []

    def open_one(served, role="admin", width=1440, height=900, **options) -> Page:
        options.setdefault("viewport", {"width": width, "height": height})
        context = chromium.new_context(base_url=served.url, **options)
        contexts.append(context)
        if role:
            cookie = {"name": "vigie_session", "value": served.sessions[role], "url": served.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(error.stack or str(error)))
        page.on("console", lambda message: "Content Security" in message.text and faults.append(message.text))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture
def page(server, open_page):
    """A page of the console, signed in as its admin."""
    return open_page(server)


@pytest.fixture
def axe():
    """`axe(page)`: what axe finds against WCAG 2.2 AA, as readable lines."""
    return violations
