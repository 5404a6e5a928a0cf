"""Vigie with one page more: every component, with made-up things to show, to look at and to test."""

from console.settings import *  # noqa: F403
from console.settings import BASE_DIR, TEMPLATES

ROOT_URLCONF = "tests.browser.preview.urls"
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates", BASE_DIR / "tests/browser/preview/templates"]
