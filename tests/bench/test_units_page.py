"""Time and weight of the page of units with 300 and 2,000 of them, and how long a unit's start takes to be seen.

`python3 manage.py test -m bench tests/bench/test_units_page.py`
"""

from __future__ import annotations

import pytest

from tests.bench.client import Client
from tests.bench.conftest import console_of, cpu_seconds, units_listed, until, wait_listed
from tests.bench.report import report
from tests.bench.units import SLEEPER, add_sleeper, add_targets, remove_targets
from tests.browser.server import Served
from tests.browser.test_frame import weigh
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(300)]
PAGE = "/host/web1/units/"
ROUNDS, TURNS = 40, 12
WHOLE_AIM, LATER_AIM = 250.0, 30.0  # kB
# Resolves with the milliseconds from the click until the new page is in place and painted.
GO = """(href) => new Promise(resolve => {
    const start = performance.now();
    const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
    document.addEventListener("htmx:after:swap", painted, {once: true});
    document.querySelector(`#sidebar a[href='${href}']`).click();
})"""
# The same from the click on a verb in the row's menu until the row is in the state that is waited for.
ACT = """([id, verb, state]) => new Promise(async (resolve, fail) => {
    const row = () => document.getElementById(id);
    const button = () => [...row().querySelectorAll("button")].find(one => one.textContent.trim() === verb);
    setTimeout(() => fail(new Error(`${verb}: ${row().outerHTML}`)), 8000);
    while (!button()) { // an open menu is not asked for again, nor one that was within the last second
        row().querySelector("details").open = false;
        await new Promise(next => setTimeout(next, 300));
        row().querySelector("details").open = true;
        await new Promise(next => setTimeout(next, 300));
    }
    const start = performance.now();
    const look = () => row().dataset.state === state && (watcher.disconnect(), resolve(performance.now() - start));
    const watcher = new MutationObserver(look);
    watcher.observe(document.body, {subtree: true, childList: true, attributes: true});
    button().click();
})"""


@pytest.fixture(scope="module", params=[300, 2000])
def sized(request, tmp_path_factory, web1: LabHost):
    """(number of units, the console that lists them)."""
    with console_of(tmp_path_factory.mktemp("units"), {"web1": web1}) as served, Client(served) as client:
        add_targets(web1, request.param - units_listed(client, "web1") - 1)
        wait_listed(served, "web1", request.param - 20)
        yield request.param, served
    remove_targets(web1)


def test_time_and_weight(sized, open_page):
    number, served = sized
    with Client(served) as client:
        client.get(PAGE)
        before = cpu_seconds(served)
        answers = [client.get(PAGE) for _ in range(ROUNDS)]
        cost = (cpu_seconds(served) - before) / ROUNDS * 1000
        smallest = [client.get("/operations/").milliseconds for _ in range(ROUNDS)]
        shown = units_listed(client, "web1")
    times = [answer.milliseconds for answer in answers]
    aim = 30 if number == 300 else None
    report(f"units page, {shown:,} units: request to last byte", times, "ms", aim=aim, over=smallest)
    report(f"units page, {shown:,} units: CPU of the server", cost, "ms", aim=aim)
    report(f"units page, {shown:,} units: HTML, compressed", answers[0].sent / 1000, "kB")
    weigh_pages(open_page(served), f"{shown:,} units", number == 300)


def weigh_pages(page, what: str, aimed: bool) -> None:
    first = weigh(page, lambda: page.goto(PAGE))
    report(f"{what}: first load of everything", sum(first) / 1000, "kB", aim=WHOLE_AIM if aimed else None)
    report(f"{what}: first load of everything", float(len(first)), "requests", aim=10 if aimed else None)
    page.locator("#live[data-state=live]").wait_for(timeout=30_000)
    clicks = []
    for _ in range(TURNS):
        page.evaluate(GO, "/host/web1/journal/")
        page.wait_for_timeout(150)
        clicks.append(page.evaluate(GO, PAGE))
        page.wait_for_timeout(150)
    report(f"{what}: click inside the app to painted page", clicks, "ms", aim=100)
    page.evaluate(GO, "/host/web1/journal/")
    later = weigh(page, lambda: page.evaluate(GO, PAGE))
    report(f"{what}: later load of the page", sum(later) / 1000, "kB", aim=LATER_AIM if aimed else None)


def test_start_and_stop(console: Served, web1: LabHost, open_page):
    add_sleeper(web1)
    page = open_page(console)
    until(lambda: SLEEPER in page.goto(PAGE).text())
    page.locator("#live[data-state=live]").wait_for()
    row = f"unit:{SLEEPER}"
    for verb, state in (("Start", "active"), ("Stop", "inactive")) * 2:
        page.evaluate(ACT, [row, verb, state])
    took = {"start": [], "stop": [], "systemctl start": [], "systemctl stop": []}
    for _ in range(TURNS):
        for verb, state in (("start", "active"), ("stop", "inactive")):
            took[verb].append(page.evaluate(ACT, [row, verb.capitalize(), state]))
            page.wait_for_timeout(150)
        for verb in ("start", "stop"):
            took[f"systemctl {verb}"].append(on_the_host(web1, f"systemctl {verb} {SLEEPER}"))
    for verb in ("start", "stop"):
        report(f"systemctl {verb} on the host", took[f"systemctl {verb}"], "ms")
        shell = took[f"systemctl {verb}"]
        report(f"{verb}: click to changed page", took[verb], "ms", aim=45, over=shell, aim_over=3)


def on_the_host(host: LabHost, command: str) -> float:
    """Milliseconds, as the host's own shell measures them."""
    began, ended = host.shell(f"date +%s%N; {command}; date +%s%N").split()
    return (int(ended) - int(began)) / 1e6
