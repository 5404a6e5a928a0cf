"""A unit's page: what it shows, how a failure is explained, what it offers."""

import re

import pytest
from django.conf import settings
from django.test import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from console.access import Grant, Rights
from console.models import User
from hosts import unit_details, unit_panels, units
from hosts.models import Host
from hosts.unit_offers import button_names, menu_names
from hosts.unit_panels import Subject
from hosts.unit_processes import parse_stats
from hosts.units import Unit
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.console.sockets import signed_in
from tests.hosts.watching import until, watching

UNIT = '[Unit]\nDescription=A <b>shop</b> <img src=x onerror=alert(1)> hx-get="/x"\n[Service]\nExecStart=sleep 1000\n'


def unit(name="a.service", active="active", sub="running", file_state="enabled", load="loaded"):
    return Unit(name, "", load, active, sub, file_state, "")


def test_a_device_that_is_only_waited_for_is_no_change_under_way():
    tentative = unit("dev-sda.device", "activating", "tentative", "")
    rows = units.Units({u.name: u for u in (tentative, unit(), unit("z.service", "failed", "failed"))})
    assert [row.name for row in rows.sorted()] == ["z.service", "a.service", "dev-sda.device"]


@pytest.mark.parametrize(
    ("row", "buttons", "menu"),
    [
        (unit(), ["stop", "restart"], ["disable", "mask"]),
        (unit(active="inactive", file_state="disabled", load="stub"), ["start"], ["enable", "mask"]),
        (unit(active="failed", file_state="static"), ["start", "reset-failed"], ["mask"]),
        (unit(active="inactive", file_state="masked", load="masked"), [], ["unmask"]),
        (unit("dev-sda.device", "active", "plugged", ""), [], []),
        (unit("run-1.scope", "active", "running", "transient"), ["stop"], []),
    ],
)
def test_offered_is_what_the_state_allows(row, buttons, menu):
    assert (button_names(row, None), menu_names(row)) == (buttons, menu)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (1, 3, "exit status 3"),
        (1, 203, "exit status 203: cannot be executed (EXEC)"),
        (2, 9, "signal SIGKILL"),
        (3, 11, "signal SIGSEGV, core dumped"),
        (2, 99, "signal 99"),
        (0, 0, ""),
        (None, None, ""),
    ],
)
def test_how_a_process_ended(code, status, words):
    assert unit_details.exit_words(code, status) == words


def stat_line(pid, name):
    return f"{pid} ({name}) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 777 1000000 25 1844674407 0\n".encode()


def test_processes_may_be_called_anything():
    text = stat_line(7, "a) S 1 (b\n8 c") + stat_line(9, "ok")
    found = parse_stats(text, 100, 4096)
    assert found[7].cpu_seconds == 2.0
    assert found[9].memory == 25 * 4096
    assert found[9].began == 777


@given(st.binary(max_size=300))
def test_garbled_statistics_are_no_statistics(text):
    assert isinstance(parse_stats(text, 100, 4096), dict)


async def client_of(role="admin"):
    user = await User.objects.acreate(username=f"ada-{role}", role=role)
    user.set_password("a long password")
    await user.asave()
    client = AsyncClient()
    client.cookies[settings.SESSION_COOKIE_NAME] = (await signed_in(user, fresh=True)).session_key
    return client


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_the_page_shows_the_unit_and_escapes_what_it_says(web1):
    web1.shell(
        "cat > /etc/systemd/system/page.service; systemctl daemon-reload; systemctl start page", stdin=UNIT
    )
    client = await client_of()
    async with watching(web1) as host:
        row = await until(lambda: (s := units.snapshot(host.pk)) and s.value.by_name.get("page.service"))
        assert row.active == "active"
        page = (await client.get(f"/host/{host.name}/units/page.service/")).content.decode()
        assert "active (running)" in page
        assert "<img" not in page
        assert "hx-get=&quot;/x&quot;" in page
        body = (await client.get(f"/host/{host.name}/units/page.service/details/")).content.decode()
        assert "sleep 1000" in body
        assert re.search(r"[\d.]+.(KiB|MiB)", body)  # memory of the process
        assert "/etc/systemd/system/page.service" in body
        assert "system.slice" in body
        gone = await client.get(f"/host/{host.name}/units/nothing.service/")
        assert gone.status_code == 404
        viewer = (
            await (await client_of("viewer")).get(f"/host/{host.name}/units/page.service/")
        ).content.decode()
        assert "units/page.service/stop/" not in viewer
        assert "journal" not in viewer.split('id="main"')[1]
    web1.shell("systemctl stop page; rm /etc/systemd/system/page.service; systemctl daemon-reload")


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_failure_is_explained(web1):
    web1.shell(
        "cat > /etc/systemd/system/sad.service; systemctl daemon-reload; systemctl start sad || true",
        stdin='[Service]\nType=oneshot\nExecStart=sh -c "echo the ledger is locked; exit 3"\n',
    )
    client = await client_of()
    async with watching(web1) as host:
        await until(lambda: (s := units.snapshot(host.pk)) and s.value.by_name.get("sad.service"))
        details = await unit_details.read(host.pk, "", "sad.service")
        assert (details.result, details.exit) == ("a process ended with an error", "exit status 3")
        html = unit_panels.panels(Subject(host, "", "sad.service"), Rights("admin"), details)["alerts"]
        assert "It failed: a process ended with an error." in html
        lines = (await client.get(f"/host/{host.name}/units/sad.service/last-lines/")).content.decode()
        assert "the ledger is locked" in lines
    web1.shell("rm /etc/systemd/system/sad.service; systemctl daemon-reload; systemctl reset-failed")


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_who_looks_sees_changes_and_reading_ends_with_the_look(web1):
    web1.shell("systemd-run --unit=looked.service sleep 1000")
    async with watching(web1) as host:
        await until(lambda: (s := units.snapshot(host.pk)) and s.value.by_name.get("looked.service"))

        def state():
            known = unit_details.snapshot(host.pk, "", "looked.service")
            return known and known.value.properties.active_state

        async with unit_details.followed(host.pk, "", "looked.service"):
            await until(lambda: state() == "active")
            first = unit_details.snapshot(host.pk, "", "looked.service").value
            assert [process.command for process in first.processes] == ["/usr/bin/sleep 1000"]
            web1.shell("systemctl kill --signal=KILL looked.service")
            await until(lambda: state() == "failed", 30)
    web1.shell("systemctl reset-failed looked.service")


def test_a_grant_for_some_names_offers_only_its_verbs():
    rights = Rights("viewer", (Grant("units.restart", "*", "nginx*"),))
    host = Host(pk=1, name="web1")
    offered = unit_panels.context(Subject(host, "", "nginx.service"), rights)["offers"]
    assert not offered.menu
    assert not [verb for verb in offered.buttons if verb["name"] != "restart"]


def test_a_failed_health_check_is_no_failed_unit_of_the_host():
    names = ("web.service", f"{'a' * 64}-1f2e.service", f"{'b' * 64}.service")
    rows = {name: units.Unit(name, "", "loaded", "failed", "failed", "", "") for name in names}
    assert [unit.name for unit in units.Units(rows).failed] == ["web.service"]
