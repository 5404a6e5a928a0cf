"""Signing in: throttled without locking the admin out, one-time links, timeouts, re-authentication, no open redirect."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from console import firststart, signin
from console.models import AuditEntry, User
from tests.console.conftest import PASSWORD

pytestmark = pytest.mark.django_db

EVIL = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
]


def actions():
    return list(AuditEntry.objects.order_by("id").values_list("action", "actor", "target"))


def try_password(client, password, name="ada", **headers):
    return client.post("/accounts/login/", {"login": name, "password": password}, **headers)


def test_passwords_are_hashed_with_argon2(make_user):
    assert make_user().password.startswith("argon2$argon2id$")


def test_signing_in_out_and_failing_are_audited_without_the_password(make_user):
    make_user(role="admin")
    client = Client()
    try_password(client, "not-the-password")
    try_password(client, "x", name="my-password-in-the-wrong-field")
    try_password(client, PASSWORD)
    client.post("/accounts/logout/")
    assert actions() == [
        ("signin.failed", "ada", ""),
        ("signin.failed", "", "an unknown user"),
        ("signin", "ada", ""),
        ("signout", "ada", ""),
    ]
    assert not [entry for entry in AuditEntry.objects.all() if "password" in f"{entry.target} {entry.detail}"]


def test_guessing_locks_out_the_guesser_and_nobody_else(make_user):
    make_user(role="admin")
    guesser, admin = Client(REMOTE_ADDR="192.0.2.66"), Client(REMOTE_ADDR="192.0.2.1")
    for _ in range(6):
        try_password(guesser, "guess")
    assert SESSION_KEY not in guesser.session
    assert "Too many" in try_password(guesser, PASSWORD).content.decode()
    assert try_password(admin, PASSWORD).status_code == 302


def test_a_link_works_once_and_only_by_its_button(make_user):
    user = make_user(role="admin")
    path = f"/signin/{signin.make_link(user)}/"
    client = Client()
    assert client.get(path).status_code == 200  # a preview does not use it up
    assert client.post(path).status_code == 302
    assert client.session[SESSION_KEY] == str(user.pk)
    other = Client()
    assert other.get(path).status_code == 410
    assert other.post(path).status_code == 410
    assert SESSION_KEY not in other.session


def test_an_old_link_or_one_of_a_disabled_user_does_not_work(make_user, monkeypatch):
    user = make_user()
    path = f"/signin/{signin.make_link(user)}/"
    User.objects.update(is_active=False)
    assert Client().post(path).status_code == 410
    User.objects.update(is_active=True)
    user.signinlink_set.update(expires=user.date_joined)
    assert Client().post(path).status_code == 410


def test_a_newer_link_ends_the_older(make_user):
    user = make_user()
    old, new = signin.make_link(user), signin.make_link(user)
    assert Client().post(f"/signin/{old}/").status_code == 410
    assert Client().post(f"/signin/{new}/").status_code == 302


@pytest.fixture
def newcomer(db):
    user = User(username="first", role="admin")
    user.set_unusable_password()
    user.save()
    client = Client()
    client.post(f"/signin/{signin.make_link(user)}/")
    return client


def test_who_comes_by_a_link_chooses_a_password_first(newcomer):
    for path in ("/operations/", "/access/", "/about/"):
        assert newcomer.get(path)["Location"] == "/welcome/"
    assert b"Welcome, first" in newcomer.get("/welcome/").content
    weak = newcomer.post("/accounts/password/set/", {"password1": "short", "password2": "short"})
    assert weak.status_code == 200
    answer = newcomer.post("/accounts/password/set/", {"password1": PASSWORD, "password2": PASSWORD})
    assert answer.status_code == 302
    assert newcomer.get("/access/").status_code == 200
    assert newcomer.get("/welcome/")["Location"] == "/"
    assert (
        newcomer.post("/access/users/", {"name": "bob", "role": "viewer"}).status_code == 200
    )  # fresh already
    assert ("password.changed", "first", "") in actions()


def test_a_newcomer_may_add_a_passkey_instead(newcomer):
    assert newcomer.get("/accounts/2fa/webauthn/add/").status_code == 200
    user = User.objects.get()
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={})
    assert newcomer.get("/access/").status_code == 200


def test_changing_access_asks_for_the_password_again_after_five_minutes(make_user, sign_in, monkeypatch):
    client = sign_in(make_user(role="admin"))
    assert client.post("/access/users/", {"name": "bob"}).status_code == 200
    later = time.time() + 301
    monkeypatch.setattr("console.access.time.time", lambda: later)
    answer = client.post("/access/users/", {"name": "eve"}, HTTP_REFERER="http://testserver/access/")
    assert answer["Location"] == "/accounts/reauthenticate/?next=%2Faccess%2F"
    assert not User.objects.filter(username="eve").exists()
    htmx = client.post("/access/users/", {"name": "eve"}, HTTP_HX_REQUEST="true")
    assert htmx["HX-Redirect"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.post("/access/users/", {"name": "eve"}).status_code == 200


def test_reading_needs_no_fresh_password(make_user, sign_in, monkeypatch):
    client = sign_in(make_user(role="admin"))
    later = time.time() + 301
    monkeypatch.setattr("console.access.time.time", lambda: later)
    assert client.get("/access/").status_code == 200


@pytest.mark.parametrize("url", EVIL)
def test_next_never_leads_away(make_user, sign_in, url):
    user = make_user(role="admin")
    data = {"login": "ada", "password": PASSWORD, "next": url}
    assert Client().post("/accounts/login/", data)["Location"] == "/"
    client = sign_in(user)
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": url})
    assert answer["Location"] == "/"
    stale = client.session
    stale["account_authentication_methods"] = []
    stale.save()
    answer = client.post("/access/users/", {"name": "x"}, HTTP_REFERER=url)
    assert answer["Location"] == "/accounts/reauthenticate/?next=%2F"


def test_next_leads_back_to_where_one_was(make_user):
    make_user(role="admin")
    client = Client()
    asked = client.get("/operations/?state=failed")["Location"]
    assert asked == "/accounts/login/?next=%2Foperations%2F%3Fstate%3Dfailed"
    data = {"login": "ada", "password": PASSWORD, "next": "/operations/?state=failed"}
    assert client.post("/accounts/login/", data)["Location"] == "/operations/?state=failed"


def age_session(client, **facts):
    session = client.session
    session.update(facts)
    session.save()


@pytest.mark.parametrize(("mark", "seconds"), [("vigie_seen", 15 * 60), ("vigie_began", 12 * 3600)])
def test_a_session_ends_when_idle_and_in_any_case(make_user, sign_in, mark, seconds):
    client = sign_in(make_user(role="viewer"))
    assert client.get("/operations/").status_code == 200
    age_session(client, **{mark: time.time() - seconds + 30})
    assert client.get("/operations/").status_code == 200
    age_session(client, **{mark: time.time() - seconds - 1})
    assert client.get("/operations/")["Location"].startswith("/accounts/login/")
    assert client.get("/operations/")["Location"].startswith("/accounts/login/")
    assert ("session.expired", "ada", "") in actions()


def test_using_a_page_keeps_the_session(make_user, sign_in):
    client = sign_in(make_user(role="viewer"))
    age_session(client, vigie_seen=time.time() - 600)
    client.get("/operations/")
    assert client.session["vigie_seen"] > time.time() - 5


def test_sessions_are_listed_and_ended(make_user, sign_in):
    user = make_user(role="viewer")
    here, there, third = sign_in(user), sign_in(user), sign_in(user)
    for client in (here, there, third):
        client.get("/operations/")
    assert UserSession.objects.count() == 3
    one = UserSession.objects.get(session_key=there.session.session_key)
    here.post("/accounts/sessions/", {"session": one.pk})
    assert there.get("/operations/").status_code == 302
    assert third.get("/operations/").status_code == 200
    here.post("/accounts/sessions/")
    assert third.get("/operations/").status_code == 302
    assert here.get("/operations/").status_code == 200
    assert [action for action, *_ in actions()].count("session.ended") == 2


def test_nobody_ends_sessions_of_others(make_user, sign_in):
    ada, bob = sign_in(make_user("ada", "viewer")), sign_in(make_user("bob", "viewer"))
    session = UserSession.objects.get(session_key=bob.session.session_key)
    ada.post("/accounts/sessions/", {"session": session.pk})
    ada.post("/accounts/sessions/")
    assert bob.get("/operations/").status_code == 200


def test_a_new_password_ends_all_other_sessions(make_user, sign_in):
    user = make_user(role="viewer")
    here, there = sign_in(user), sign_in(user)
    answer = here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long phrase", "password2": "another long phrase"},
    )
    assert answer.status_code == 302, answer.content
    assert here.get("/operations/").status_code == 200
    assert there.get("/operations/").status_code == 302


def test_cookies_are_kept_from_scripts_and_other_sites(make_user, settings):
    make_user()
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = Client()
    client.get("/accounts/login/")
    answer = try_password(client, PASSWORD)
    cookie = answer.cookies["vigie_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert client.cookies["csrftoken"]["httponly"] is True


def test_an_admin_without_a_password_gets_a_link_at_each_start():
    admin = firststart.first_admin()
    admin.last_login = timezone.now()
    admin.save()
    assert firststart.first_admin() == admin
    admin.set_password("correct horse battery")
    admin.save()
    assert firststart.first_admin() is None
