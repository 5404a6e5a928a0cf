"""A flooded journal in Chromium: how old the newest line is, the worst gap between frames, what it costs.

`python3 manage.py test -m bench tests/bench/test_journal_flood.py`
"""

from __future__ import annotations

import subprocess

import pytest

from tests.bench.conftest import console_of, cpu_seconds, resident
from tests.bench.report import report
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.timeout(180)]
SECONDS, TICKS = 10, 20  # TICKS: bursts a second
# From the third second on, each frame notes: ms since the frame before, age of the newest line, lines, seq of the newest.
PROBE = """() => {
    const lines = document.getElementById("lines");
    const seen = window.seen = {gaps: [], ages: [], nodes: 0, skipped: 0, first: 0, last: 0, shown: 0};
    new MutationObserver((changes) => changes.forEach(change => change.addedNodes.forEach(node => {
        if (node.className === "log-gap") seen.skipped += Number(node.querySelector("[data-count]").dataset.count);
        else if (node.className === "log-line") seen.shown += 1;
    }))).observe(lines, {childList: true});
    let before = performance.now(), quiet = 0;
    const look = (now) => {
        const text = [...lines.querySelectorAll(".what")].at(-1)?.textContent ?? "";
        const found = text.match(/^flood (\\d+) at (\\d+)$/);
        if (found) {
            if (Number(found[1]) > seen.last) { seen.last = Number(found[1]); quiet = 0; }
            seen.began ??= now;
            if (now - seen.began > 2000 && quiet++ < 20) {
                seen.gaps.push(now - before);
                seen.ages.push(Date.now() - Number(found[2]));
            }
        }
        seen.nodes = Math.max(seen.nodes, lines.getElementsByTagName("*").length);
        before = now;
        if (!seen.stop) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
FLOOD = (
    "t=0; while [ $t -lt {bursts} ]; do n=$((t * {each})); now=$(date +%s%N); "
    'seq -f "flood %.0f at ${{now%??????}}" $((n + 1)) $((n + {each})); '
    "t=$((t + 1)); left=$(( (began + t * {pause} - $(date +%s%N)) / 1000000 )); "
    "[ $left -gt 0 ] && sleep $(printf '0.%03d' $left); done"
)


@pytest.fixture(scope="module")
def flooded(tmp_path_factory, lab):
    """(a host whose journald does not limit, the console that watches it)."""
    host = lab.start("flood")[0]
    host.shell(
        "mkdir -p /run/systemd/journald.conf.d; "
        "printf '[Journal]\\nRateLimitBurst=0\\nRateLimitIntervalSec=0\\n' > /run/systemd/journald.conf.d/bench.conf; "
        "systemctl restart systemd-journald"
    )
    with console_of(tmp_path_factory.mktemp("flood"), {"flood": host}) as served:
        yield host, served
    lab.down("flood")


@pytest.mark.parametrize("rate", [2000, 10_000])
def test_flood(flooded, open_page, rate: int):
    host, served = flooded
    page = open_page(served)
    page.goto("/host/flood/journal/?identifier=bench")
    page.locator("#live[data-state=live]").wait_for()
    page.wait_for_timeout(1000)
    memory, cpu = resident(served), cpu_seconds(served)
    page.evaluate(PROBE)
    peak = memory
    with flood(host, rate) as process:
        while process.poll() is None:
            page.wait_for_timeout(500)
            peak = max(peak, resident(served))
        wrote = float(process.stdout.read())
    page.wait_for_timeout(3000)
    seen = page.evaluate("window.seen.stop = true, window.seen")
    total = rate * SECONDS
    what = f"journal, {rate:,} lines/s wanted, {total / wrote:,.0f}/s written"
    report(f"{what}: age of the newest line", seen["ages"], "ms", aim=1000)
    report(f"{what}: worst of those ages", max(seen["ages"]), "ms", aim=1000)
    report(f"{what}: worst frame gap", max(seen["gaps"]), "ms", aim=200)
    report(f"{what}: lines shown", seen["shown"] / wrote, "/s")
    report(f"{what}: shown + said to be skipped", float(seen["shown"] + seen["skipped"]), "lines", over=total)
    report(f"{what}: elements in the log", float(seen["nodes"]), "")
    report(f"{what}: memory of the server grows by", peak - memory, "MB")
    report(f"{what}: CPU of the server", (cpu_seconds(served) - cpu) / (wrote + 3) * 100, "% core")
    assert seen["last"] == total, "the last line arrives"


def flood(host: LabHost, rate: int) -> subprocess.Popen:
    """Prints the seconds it took."""
    bursts = FLOOD.format(bursts=SECONDS * TICKS, each=rate // TICKS, pause=10**9 // TICKS)
    script = (
        f"({bursts}) | systemd-cat -t bench; echo \"$(( $(date +%s%N) - began ))\" | awk '{{print $1 / 1e9}}'"
    )
    argv = ["podman", "exec", host.container, "sh", "-c", f"began=$(date +%s%N); {script}"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
