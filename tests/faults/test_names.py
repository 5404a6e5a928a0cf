"""Names that are no names, and names that only look strange, through the real routes of a real server."""

import json
import re
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.browser.fleet import row, serve_fleet
from tests.browser.server import ROOT, environment
from tests.faults.hosts import eventually
from tests.faults.visitor import Visitor

pytestmark = [pytest.mark.lab, pytest.mark.browser]
NO_NAMES = (
    "../x.service",
    "..",
    "a\nb.service",
    "nul\0.service",
    "-x",
    "--help",
    "-H",
    "x" * 300 + ".service",
    "slash/in.service",
    "$(reboot).service",
    "a b.service",
    "é.service",
    "\ud83d\ude00.service".encode("utf-16", "surrogatepass").decode("utf-16"),
    "<b>.service",
    "noend",
)
STRANGE = (
    r"dev-disk-by\x2duuid.service",
    "greeter@one\\x2dtwo.service",
    "greeter@a:b.c.service",
    "-leading.service",
    "do..ts.service",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory, web1):
    rows = [row(web1, "web1")]
    with serve_fleet(tmp_path_factory.mktemp("names"), web1.key_path, rows) as served:
        visitor = Visitor(served)
        eventually(lambda: "dbus.service" in visitor.get("/host/web1/units/").text, 30)
        yield served


@pytest.fixture
def admin(served):
    return Visitor(served)


def raw(name):
    return quote(name, safe="")


def test_what_is_no_unit_name_ends_in_a_clear_page(admin, web1):
    before = loaded(web1)
    for name in NO_NAMES:
        for answer in (
            admin.get(f"/host/web1/units/{raw(name)}/"),
            admin.get(f"/host/web1/units/{raw(name)}/menu/"),
            admin.post(f"/host/web1/units/{raw(name)}/start/"),
            admin.post(f"/host/web1/units/{raw(name)}/start/", htmx=False),
            admin.post(f"/host/web1/user/alice/units/{raw(name)}/start/"),
        ):
            if answer.status == 405 and "/" in name:  # which is the route of a verb, and asked for with GET
                continue
            assert answer.status in {400, 404}, (name, answer.status, answer.text[:500])
            assert re.search(r"not the name of a unit|[Nn]ot found|cannot be used", answer.text), (
                name,
                answer.text,
            )
            assert "Traceback" not in answer.text and "<b>.service" not in answer.text, name
    assert "/operations/1/" not in admin.get("/operations/").text, "nothing was even begun"
    assert loaded(web1) == before, "the host has not heard of them"


def loaded(host):
    listed = host.shell("systemctl list-units --all --plain --no-legend --type=service | cut -d' ' -f1")
    return {name for name in listed.split() if not name.startswith("run-")}


def test_what_is_no_login_ends_in_a_clear_page(admin):
    logins = ("../root", "-x", "no one", "nobody-here", "a\nb", "nul\0", "a" * 300)
    for answer in asked_of_logins(admin, logins):
        assert answer.status in {200, 400, 404}, answer.text[:500]
        assert "Traceback" not in answer.text
        assert answer.status != 200 or "No units are known yet" in answer.text


def asked_of_logins(admin, logins):
    for login in logins:
        yield admin.get(f"/host/web1/user/{raw(login)}/units/")
        yield admin.post(f"/host/web1/user/{raw(login)}/units/dbus.service/start/")


@pytest.fixture(scope="module")
def strange_units(web1):
    text = "[Unit]\nDescription=Odd\n[Service]\nExecStart=sleep infinity\n"
    files = ["dev-disk-by\\x2duuid.service", "greeter@.service", "-leading.service", "do..ts.service"]
    for name in files:
        web1.shell(f"cat > '/etc/systemd/system/{name}'", stdin=text)
    web1.shell("systemctl daemon-reload")
    yield STRANGE
    quoted = " ".join(f"'{name}'" for name in files)
    web1.shell(f"cd /etc/systemd/system; rm -f -- {quoted}; systemctl daemon-reload")


def test_strange_names_work_like_any_other(admin, web1, strange_units):
    def states():
        quoted = " ".join(f"'{name}'" for name in STRANGE)
        return web1.shell(f"systemctl is-active -- {quoted}", check=False).split()

    for name in STRANGE:
        answer = admin.post(f"/host/web1/units/{raw(name)}/start/")
        assert answer.status == 200 and "started" in answer.text, answer.text
    assert states() == ["active"] * len(STRANGE)
    for name in STRANGE:
        path = f"/host/web1/units/{raw(name)}/"
        eventually(lambda path=path: f'href="{path}"' in admin.get("/host/web1/units/").text, 30)
        page = admin.get(path)
        assert page.status == 200
        assert name in page.text
        assert admin.post(f"{path}stop/").status == 200
    assert states() == ["inactive"] * len(STRANGE)


def test_no_host_gets_such_a_name_or_address(admin, tmp_path):
    marker = tmp_path / "ran"
    fine = {"name": "fine", "address": "192.0.2.1", "port": "22", "user": "root"}
    option = f"-oProxyCommand=touch {marker}"
    wrong = [{"name": name} for name in (option, "../x", "a b", "", "x" * 64, "<script>")]
    wrong += [{"address": address} for address in (option, " ", "a b", "root@x", "<script>")]
    wrong += [{"user": user} for user in (option, "-l", "a b", "<script>")]
    for fields in wrong:
        answer = admin.post("/hosts/add/", fine | fields, htmx=False)
        assert answer.status in {200, 400, 422}, (fields, answer.status, answer.headers)
        assert "<script>" not in answer.text, fields
    assert '"/host/fine/"' not in admin.get("/").text
    assert not marker.exists()
    for name in (option, "../x", "a b", "x" * 64, "nul\0"):
        assert admin.get(f"/host/{raw(name)}/").status in {400, 404}, name


def test_a_file_of_hosts_with_such_names_adds_none_of_them(served, tmp_path):
    (tmp_path / "config").write_text(
        "Host -oProxyCommand=x\n  HostName 192.0.2.9\n\nHost ok\n  HostName -oX=y\n"
    )

    def manage(*arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(served.data, "console.settings"),
            capture_output=True,
            text=True,
            check=False,
        )

    done = manage("hosts", "import", str(tmp_path / "config"))
    listed = manage("hosts", "list", "--json").stdout
    assert "Traceback" not in done.stderr, done.stderr
    assert [one["name"] for one in json.loads(listed)] == ["web1"]
