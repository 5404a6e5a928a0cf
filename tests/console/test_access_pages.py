"""Users, roles and grants: changed by admins only, never without an admin left, and said in plain words."""

import pytest
from django.core.management import CommandError, call_command

from console import users
from console.models import AuditEntry, Grant, Operation, User
from hosts.models import Host
from tests.console.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(make_user):
    return make_user("root-user", "admin")


@pytest.fixture
def browser(admin, sign_in):
    return sign_in(admin)


@pytest.fixture
def bob(make_user):
    return make_user("bob", "viewer")


def test_a_new_user_gets_a_link_that_signs_in(browser, client):
    answer = browser.post("/access/users/", {"name": "eve", "role": "operator"})
    link = answer.context["link"]
    assert link in answer.content.decode()
    assert client.post(link.removeprefix("http://testserver")).status_code == 302
    assert client.get("/operations/")["Location"] == "/welcome/"
    assert User.objects.get(username="eve").role == "operator"
    assert Operation.objects.get(verb="access.user-add").state == "succeeded"


@pytest.mark.parametrize("name", ["", "bob", "a b", "<b>", "-x y", "x" * 151])
def test_a_name_that_cannot_be_is_refused(browser, bob, name):
    assert browser.post("/access/users/", {"name": name, "role": ""}).status_code in (400, 409)
    assert User.objects.count() == 2


def test_a_role_is_set_and_audited(browser, bob):
    assert browser.post(f"/access/users/{bob.pk}/role/", {"role": "operator"}).status_code == 302
    bob.refresh_from_db()
    assert bob.role == "operator"
    entry = AuditEntry.objects.get(action="access.role")
    assert (entry.actor, entry.target, entry.detail) == (
        "root-user",
        "bob",
        {"from": "viewer", "to": "operator"},
    )


@pytest.mark.parametrize("change", [("role", {"role": "viewer"}), ("active", {"active": "0"})])
def test_the_last_active_admin_stays(browser, admin, make_user, change):
    make_user("sleeping", "admin", is_active=False)
    path, data = change
    answer = browser.post(f"/access/users/{admin.pk}/{path}/", data)
    assert answer.status_code == 409
    assert "last active administrator" in answer.content.decode()
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == ("admin", True)
    make_user("other", "admin")
    assert browser.post(f"/access/users/{admin.pk}/{path}/", data).status_code == 302


def test_a_disabled_user_is_out_at_once(browser, bob, sign_in):
    theirs = sign_in(bob)
    assert theirs.get("/operations/").status_code == 200
    browser.post(f"/access/users/{bob.pk}/active/", {"active": "0"})
    assert theirs.get("/operations/").status_code == 302
    assert theirs.post("/accounts/login/", {"login": "bob", "password": PASSWORD}).get("Location") != "/"


def test_a_grant_is_added_shown_in_words_and_removed(browser, bob):
    path = f"/access/users/{bob.pk}/"
    browser.post(f"{path}grants/", {"capability": "units.restart", "hosts": "web-*", "names": "nginx*"})
    grant = Grant.objects.get()
    words = "May restart units on hosts named web-*, if the object&#x27;s name is nginx*."
    assert words in browser.get(path).content.decode()
    again = browser.post(f"{path}grants/", {"capability": "units.restart", "hosts": "web-*", "names": "nginx*"})
    assert again.status_code == 409
    browser.post(f"/access/grants/{grant.pk}/remove/")
    assert not Grant.objects.exists()
    wanted = {"capability": "units.restart", "hosts": "web-*", "names": "nginx*"}
    for action in ("access.granted", "access.grant-removed"):
        assert AuditEntry.objects.get(action=action).detail == wanted


@pytest.mark.parametrize("capability", ["", "units.fly", "root", "x" * 65])
def test_a_capability_that_is_none_is_refused(browser, bob, capability):
    data = {"capability": capability, "hosts": "*", "names": "*"}
    assert browser.post(f"/access/users/{bob.pk}/grants/", data).status_code == 400


def test_the_preview_names_what_and_where_and_warns(browser, bob):
    Host.objects.create(name="web-1", address="192.0.2.1", group_names=["web"])
    Host.objects.create(name="db-1", address="192.0.2.2")
    data = {"capability": "operator", "hosts": "@web", "names": "*"}
    text = browser.get(f"/access/users/{bob.pk}/preview/", data).content.decode()
    assert "May do all that an operator may on hosts of the group web." in text
    assert "web-1" in text
    assert "db-1" not in text
    assert "administrator" in users.preview("*", "*", "*").warnings[0]
    assert users.preview("units.view", "nothing-*", "*").warnings == ["No host matches at present."]


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        (("units.view", "*", "*"), "May see units on every host."),
        (
            ("units.re*", "web-1", "a*"),
            "May restart units, reload units and reset the failed state of units on web-1, ",
        ),
        (("units.*", "*", "*"), "things (units.*) on every host."),
        (("viewer", "web-?", "*"), "May do all that a viewer may on hosts named web-?."),
    ],
)
def test_grants_in_words(grant, words):
    assert words in users.sentence(*grant)


def test_an_admin_signs_somebody_out(browser, bob, sign_in):
    theirs = sign_in(bob)
    browser.post(f"/access/users/{bob.pk}/sessions/")
    assert theirs.get("/operations/").status_code == 302
    assert AuditEntry.objects.get(action="session.ended").actor == "root-user"


def test_hostile_names_in_patterns_are_text(browser, bob):
    data = {"capability": "units.view", "hosts": "<img src=x>", "names": '"><script>'}
    browser.post(f"/access/users/{bob.pk}/grants/", data)
    page = browser.get(f"/access/users/{bob.pk}/").content.decode()
    assert "<img src=x>" not in page
    assert "<script>" not in page.split("<body", 1)[1].split("</table>")[0]


def test_the_shell_does_what_the_page_does(capsys, admin):
    call_command("users", "add", "eve", "--role", "viewer")
    assert "/signin/" in capsys.readouterr().out
    call_command("users", "grant", "eve", "units.restart", "web-*", "nginx*")
    call_command("users", "role", "eve", "operator")
    call_command("users", "list")
    listed = capsys.readouterr().out
    assert "eve  operator" in listed
    assert "May restart units on hosts named web-*" in listed
    call_command("users", "revoke", "eve", "units.restart", "web-*", "nginx*")
    assert not Grant.objects.exists()
    with pytest.raises(CommandError, match="last active administrator"):
        call_command("users", "disable", "root-user")
    with pytest.raises(CommandError, match="no user named nobody"):
        call_command("users", "link", "nobody")
    with pytest.raises(CommandError):
        call_command("users", "grant", "eve", "units.fly")
