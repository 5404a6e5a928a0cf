"""The pictures of the README: a lab host with something on it, as an admin sees it at 1280 x 800.

    python -m tests.browser.pictures

starts a console and a lab host of its own, puts services, a failed unit and containers on it, and writes
tests/browser/pictures/*.webp. It needs what the browser tests need: root, Podman and Chromium. A minute.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.fleet import row, serve_fleet
from tests.browser.server import Served
from tests.lab.hosts import Lab, LabHost

HERE = Path(__file__).parent / "pictures"
CHATTER = """
i=0
while :; do
  i=$((i+1))
  echo "GET /basket/$i 200 12 ms"
  [ $((i % 4)) = 0 ] && echo "<4>slow query: 2.3 s"
  [ $((i % 9)) = 0 ] && printf '<3>\\033[31;1mpayment failed\\033[0m: no answer from bank\\n'
  sleep 2
done
"""
SERVICE = "[Unit]\nDescription={}\n[Service]\nExecStart=/bin/sh {}\nExecReload=/bin/true\nRestart=always\n"
FAILING = "[Unit]\nDescription=Nightly backup\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no space left; exit 3'\n"
QUADLET = "[Unit]\nDescription=Message queue\n[Container]\nContainerName=queue\nImage={}\nExec=sleep infinity\n"
PAGES = {
    "overview": "/",
    "host": "/host/shop1/",
    "unit": "/host/shop1/units/shop.service/",
    "journal": "/host/shop1/journal/",
    "containers": "/host/shop1/containers/",
}


def furnish(host: LabHost) -> None:
    """A shop: a service that logs, a backup that failed, containers of each state."""
    units = "/etc/systemd/system"
    host.shell("mkdir -p /opt /etc/containers/systemd; cat > /opt/shop.sh", stdin=CHATTER)
    host.shell(f"cat > {units}/shop.service", stdin=SERVICE.format("Shop front end", "/opt/shop.sh"))
    host.shell(f"cat > {units}/backup.service", stdin=FAILING)
    image = host.busybox()
    host.shell("cat > /etc/containers/systemd/queue.container", stdin=QUADLET.format(image))
    host.shell("systemctl daemon-reload; systemctl start shop queue; systemctl start backup || true")
    run = "podman run -d"
    host.shell(
        f"{run} --name web -p 8080:80 {image} httpd -f -p 80; {run} --name cache {image} sleep infinity;"
        f"{run} --name search --health-cmd 'exit 1' --health-interval 30s --health-retries 1 {image} sleep infinity;"
        f"podman healthcheck run search || true; podman create --name migrate {image} true"
    )


def settle(page: Page, path: str) -> None:
    """Until the page is live and has curves worth looking at."""
    page.goto(path)
    page.locator("#live[data-state=live]").wait_for(timeout=60_000)
    page.wait_for_timeout(25_000 if path.endswith("shop1/") else 4_000)


def webp(page: Page) -> bytes:
    """Chromium's own encoder, which Playwright's screenshot does not offer: a third of a JPEG's size."""
    asked = {"format": "webp", "quality": 60}
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    return base64.b64decode(shot["data"])


def take(served: Served) -> None:
    HERE.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS.split())
        page = browser.new_page(
            base_url=served.url, viewport={"width": 1280, "height": 800}, color_scheme="light"
        )
        page.context.add_cookies(
            [{"name": "vigie_session", "value": served.sessions["admin"], "url": served.url}]
        )
        for name, path in PAGES.items():
            settle(page, path)
            (HERE / f"{name}.webp").write_bytes(webp(page))
        browser.close()


def main() -> None:
    with Lab() as lab, tempfile.TemporaryDirectory() as folder:
        shop, web, away = lab.start("shop1", "web1", "node1")
        furnish(shop)
        rows = [row(host, host.name) for host in (shop, web, away)]
        with serve_fleet(Path(folder), shop.key_path, rows) as served:
            take(served)


if __name__ == "__main__":
    main()
