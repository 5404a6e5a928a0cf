"""Unit files written from the browser: composed, checked, written, undone."""

import asyncio
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import undo
from console.errors import Conflict, InvalidInput, NotFound
from console.models import Operation, User
from hosts import unit_drafts, unit_files
from hosts.unit_files import Draft, Finding
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.hosts.test_unit_page import client_of
from tests.hosts.watching import watching

SHOP = "[Service]\nExecStart=sleep 1000\n"


def test_a_service_is_composed():
    text = unit_drafts.service(
        description="50% shop", exec_start="/usr/bin/env printf '%s $x' \"a b\"", user="shop", restart="always",
        folder="/srv", env='COLOUR=deep "red" 5%\nX=1',
    )  # fmt: skip
    assert 'ExecStart=/usr/bin/env printf "%%s $$x" "a b"\n' in text
    assert "Description=50%% shop\n" in text
    assert 'Environment="COLOUR=deep \\"red\\" 5%%"\nEnvironment="X=1"\n' in text
    assert "User=shop\nWorkingDirectory=/srv\n" in text
    assert "Restart=always\n\n[Install]\nWantedBy=multi-user.target\n" in text


@pytest.mark.parametrize(
    "line",
    ["", "a | b", "a && b", "'open", "./relative", "-x", "a\nExecStart=evil", "x > /etc/passwd", "sub/dir"],
)
def test_command_lines_that_are_none_are_refused(line):
    with pytest.raises(InvalidInput):
        unit_drafts.command(line)


@pytest.mark.parametrize("field", ["description", "user", "folder", "env"])
def test_no_field_can_begin_a_line_of_its_own(field):
    values = {"description": "d", "exec_start": "true", "folder": "/a", "env": "A=1"} | {
        field: "/A=1\u2028ExecStop=x"
    }
    with pytest.raises(InvalidInput):
        unit_drafts.service(**values)


@given(st.text())
def test_whatever_is_written_as_a_command_stays_on_its_line(line):
    try:
        text = unit_drafts.service(description="d", exec_start=line)
    except InvalidInput:
        return
    assert sum(row.startswith("Exec") for row in text.splitlines()) == 1
    assert len(text.splitlines()) == len(unit_drafts.service(description="d", exec_start="true").splitlines())


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=30))
def test_words_come_back_as_they_were(word):
    quoted = unit_drafts.quoted(word).replace("%%", "%").replace("$$", "$")
    if quoted.startswith('"'):
        inner = quoted[1:-1].replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")
        assert inner == word
    else:
        assert quoted == word


def test_findings_are_this_drafts_own():
    said = (
        "/lib/systemd/system/other.service:3: Unknown key\n"
        "/tmp/vigie-verify.x/shop.service:2: Unknown key 'Foo' in section\n"
        "shop.service: Command sleeep is not executable: No such file or directory\n"
    )
    draft = Draft("shop.service", "/etc/systemd/system/shop.service", "", "")
    found = unit_files.findings(said, "/tmp/vigie-verify.x", draft)
    assert found == [
        Finding(2, "Unknown key 'Foo' in section"),
        Finding(None, "Command sleeep is not executable: No such file or directory"),
    ]
    assert unit_files.findings("", "/tmp/vigie-verify.x", draft) == []
    assert len(unit_files.findings("", "/tmp/vigie-verify.x", draft, failed=True)) == 1


@given(st.text())
def test_whatever_the_host_says_is_read(said):
    draft = Draft("shop.service", "/etc/systemd/system/shop.service", "", "")
    assert isinstance(unit_files.findings(said, "/tmp/x", draft), list)
    assert isinstance(unit_files.elapses(said), list)


@pytest.mark.parametrize(
    "name", ["../x.service", "x", "-x.service", ".hidden.service", "a/b.service", "a\n.service"]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(InvalidInput):
        unit_files.checked_name(name)


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="admin")


@pytest.fixture
def shop(web1):
    web1.shell("cat > /etc/systemd/system/shop.service; systemctl daemon-reload", stdin=SHOP)
    yield web1
    web1.shell("rm -rf /etc/systemd/system/shop.service*; systemctl daemon-reload; systemctl reset-failed")


def shown(web1, path):
    return web1.shell(f"cat {path} 2>/dev/null || echo none")


OVERRIDE = "/etc/systemd/system/shop.service.d/override.conf"
lab = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


class TestOverride:
    pytestmark = lab

    async def test_it_is_checked_written_and_undone(self, shop, actor):
        async with watching(shop) as host:
            draft = await unit_files.override(host, "shop.service")
            assert (draft.path, draft.text, draft.opened) == (OVERRIDE, "", "")
            bad = Draft(
                draft.name, draft.path, "[Service]\nMemmoryMax=1G\nExecStart=\nExecStart=/no/such\n", ""
            )
            found = await unit_files.verify(host, bad)
            assert found[0].line == 2
            assert "MemmoryMax" in found[0].text
            assert any("/no/such" in finding.text for finding in found)
            assert await asyncio.to_thread(shown, shop, OVERRIDE) == "none\n"
            good = Draft(draft.name, draft.path, "[Service]\nEnvironment=A=1", "")
            assert await unit_files.verify(host, good) == []
            written = await unit_files.write(host, good, actor=actor)
            assert (written.state, written.verb) == ("succeeded", "units.edit"), written.error
            assert await asyncio.to_thread(shown, shop, OVERRIDE) == "[Service]\nEnvironment=A=1\n"
            environment = await asyncio.to_thread(shop.shell, "systemctl show -p Environment shop")
            assert environment.strip() == "Environment=A=1"
            undone = await undo.undo(written, actor=actor)
            assert undone.state == "succeeded", undone.error
            assert await asyncio.to_thread(shown, shop, OVERRIDE) == "none\n"
            with pytest.raises(Conflict):
                await undo.undo(written, actor=actor)
        left = await asyncio.to_thread(shop.shell, "ls /tmp | grep -c vigie-verify || true")
        assert left.strip() == "0"

    async def test_what_others_wrote_meanwhile_is_never_lost(self, shop, actor):
        async with watching(shop) as host:
            draft = await unit_files.override(host, "shop.service")
            mine = Draft(draft.name, draft.path, "[Service]\nNice=5\n", draft.opened)
            await asyncio.to_thread(
                shop.shell,
                f"mkdir -p {OVERRIDE.rpartition('/')[0]}; printf '[Service]\\nNice=1\\n' > {OVERRIDE}",
            )
            with pytest.raises(Conflict):
                await unit_files.write(host, mine, actor=actor)
            newest = await unit_files.override(host, "shop.service")
            written = await unit_files.write(
                host, Draft(draft.name, draft.path, mine.text, newest.opened), actor=actor
            )
            await asyncio.to_thread(shop.shell, f"printf '[Service]\\nNice=2\\n' > {OVERRIDE}")
            with pytest.raises(Conflict):
                await undo.undo(written, actor=actor)
            assert "Nice=2" in await asyncio.to_thread(shown, shop, OVERRIDE)
            with pytest.raises(NotFound):
                await unit_files.override(host, "init.scope")

    async def test_in_the_browser(self, shop):
        client = await client_of()
        async with watching(shop) as host:
            address = f"/host/{host.name}/units/shop.service/edit/"
            assert OVERRIDE in (await client.get(address)).content.decode()
            bad = {"text": "[Service]\nFoo=1\n", "opened": "", "write": "1"}
            answer = await client.post(address, bad)
            assert answer.status_code == 422
            assert "Line 2: Unknown key" in answer.content.decode()
            answer = await client.post(address, bad | {"text": "[Service]\nNice=3\n"})
            assert answer.status_code == 302
            operation = await Operation.objects.alatest("pk")
            page = (await client.get(answer["Location"])).content.decode()
            assert f"/operations/{operation.pk}/undo/" in page
            stale = await client.post(address, bad | {"text": "[Service]\nNice=4\n"})
            assert stale.status_code == 409
            assert "What is there now" in stale.content.decode()
            answer = await client.post(f"/operations/{operation.pk}/undo/")
            assert answer.status_code == 302
            assert await asyncio.to_thread(shown, shop, OVERRIDE) == "none\n"
            viewer = await client_of("operator")
            assert (await viewer.get(address)).status_code == 404
            assert (await viewer.post(f"/operations/{operation.pk}/undo/")).status_code == 404


class TestNew:
    pytestmark = lab

    async def test_a_service_and_a_timer_are_made(self, web1):
        client = await client_of()
        async with watching(web1) as host:
            address = f"/host/{host.name}/units/new/service/"
            form = {"name": "made", "exec_start": "sleep 5", "restart": "no", "environment": "A=b c"}
            page = (await client.post(address, form)).content.decode()
            assert "ExecStart=sleep 5" in page
            assert "/etc/systemd/system/made.service" in page
            text = unit_drafts.service(description="made", exec_start="sleep 5", env="A=b c")
            answer = await client.post(address, {"name": "made.service", "text": text, "write": "1"})
            assert answer.status_code == 302
            assert await asyncio.to_thread(shown, web1, "/etc/systemd/system/made.service") == text
            again = await client.post(
                address, {"name": "made.service", "text": "[Service]\nExecStart=true\n", "write": "1"}
            )
            assert again.status_code == 409
            dbus = await client.post(address, {"name": "dbus.service", "text": text, "write": "1"})
            assert dbus.status_code == 409
            timer = f"/host/{host.name}/units/new/timer/"
            form = {"name": "made", "calendar": "Mon..Fri 08:30", "unit": "made.service", "persistent": "on"}
            page = (await client.post(timer, form)).content.decode()
            assert "OnCalendar=Mon..Fri 08:30" in page
            assert "It would run at" in page
            wrong = await client.post(timer, form | {"calendar": "sometimes"})
            assert wrong.status_code == 400
            assert "sometimes" in wrong.content.decode()
        web1.shell(f"rm {shlex.quote('/etc/systemd/system/made.service')}; systemctl daemon-reload")

    async def test_a_logins_own_unit_is_its_own(self, web1, actor):
        async with watching(web1) as host:
            path = await unit_files.new_path(host, "own.service", "alice")
            assert path == "/home/alice/.config/systemd/user/own.service"
            draft = Draft("own.service", path, SHOP, "")
            assert await unit_files.verify(host, draft, "alice") == []
            written = await unit_files.write(host, draft, actor=actor, manager="alice")
            assert written.state == "succeeded", written.error
            owner = await asyncio.to_thread(web1.shell, f"stat -c %U {path} {path.rpartition('/')[0]}")
            assert owner.split() == ["alice", "alice"]
            await undo.undo(written, actor=actor)
            assert await asyncio.to_thread(shown, web1, path) == "none\n"
