"""Which tests may be left out: those with real hosts where the user is not root, and in CI none at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

NO_SKIPS = "NO_SKIPS"  # set by `manage.py test` when CI=true
NEEDS_ROOT = pytest.mark.skip(reason="real hosts need root")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """On a machine that other work slows down, a real host or browser may miss its moment once; not twice."""
    for item in items:
        if item.get_closest_marker("lab") or "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if os.geteuid():
        for item in items:
            if item.get_closest_marker("lab"):
                item.add_marker(NEEDS_ROOT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    return refuse_skip((yield))  # type: ignore[func-returns-value]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return refuse_skip((yield))


def refuse_skip(report):
    """A test that CI leaves out is one that nobody runs."""
    if os.environ.get(NO_SKIPS) and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
