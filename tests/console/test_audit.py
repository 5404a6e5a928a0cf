"""The audit log: verified and exported from a shell and on its page; what is denied is in it."""

import json

import pytest
from django.core.management import call_command
from django.db import connection

from console import audit
from console.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def log():
    for n in range(5):
        audit.record("test", actor="ada", target=f"t{n}", detail={"n": n, "text": "é\udcff"})


def tamper(statement):
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_no_update")
        cursor.execute(statement)


def test_an_untouched_log_verifies(log, capsys):
    call_command("audit", "verify")
    assert "All 5 entries hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE console_auditentry SET target = 'else' WHERE id = 3", "entry 3: its content"),
        ("UPDATE console_auditentry SET at = '2020-01-01' WHERE id = 2", "entry 2: its content"),
        ("""UPDATE console_auditentry SET detail = '{"n":9}' WHERE id = 5""", "entry 5: its content"),
        ("DELETE FROM console_auditentry WHERE id = 4", "entry 4: entry 4 is missing"),
    ],
)
def test_a_row_that_was_changed_is_named(log, capsys, statement, said):
    tamper(statement)
    with pytest.raises(SystemExit) as end:
        call_command("audit", "verify")
    assert end.value.code == 1
    assert said in capsys.readouterr().err


def test_rows_that_change_places_are_found(log):
    first, second = AuditEntry.objects.filter(pk__in=(2, 3)).order_by("pk").values("target", "digest")
    tamper("SELECT 1")
    AuditEntry.objects.filter(pk=2).update(**second)
    AuditEntry.objects.filter(pk=3).update(**first)
    assert audit.verify().broken.entry_id == 2


def test_the_database_itself_refuses_to_change_a_row(log):
    with pytest.raises(Exception, match="append-only"):
        AuditEntry.objects.filter(pk=1).update(actor="eve")


def test_the_export_can_be_verified_elsewhere(log, capsys):
    call_command("audit", "export")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[-1]["digest"] == audit.verify().head


def test_the_page_searches_and_names_a_broken_chain(log, make_user, sign_in):
    client = sign_in(make_user(role="admin"))
    assert [entry.target for entry in client.get("/audit/?q=t3&action=test").context["page"]] == ["t3"]
    assert "entries hold" in client.get("/audit/?verify").content.decode()
    tamper("UPDATE console_auditentry SET actor = 'eve' WHERE id = 1")
    assert "broken at entry 1" in client.get("/audit/?verify").content.decode()


def test_what_is_denied_is_written_down(make_user, sign_in):
    client = sign_in(make_user(role="viewer"))
    assert client.get("/audit/").status_code == 404
    entry = AuditEntry.objects.get(action="access.denied")
    assert (entry.actor, entry.ip, entry.detail) == (
        "ada",
        "127.0.0.1",
        {"capability": "audit.view", "path": "/audit/"},
    )


def test_the_page_about_this_console_shows_its_vitals(make_user, sign_in):
    text = sign_in(make_user(role="viewer")).get("/about/").content.decode()
    assert "Memory now" in text
    assert "at most" in text
