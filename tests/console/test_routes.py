"""Every route against every role. What is allowed follows from the route's own classification; none may lack one."""

import itertools

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from console import access
from console.access import CAPABILITIES, RANK
from console.streams import Stream
from console.urls import websockets
from hosts.models import Host

ARGUMENTS = {"token": "x", "host": "nohost"}
ROLES = ["", "viewer", "operator", "admin"]


def walk(patterns=None, prefix=""):
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry.url_patterns, path)
        else:
            assert isinstance(entry, URLPattern)
            yield path, entry


def address(path, entry):
    """The route with arguments that lead to nothing."""
    for name, converter in entry.pattern.converters.items():
        value = "999999" if type(converter).__name__ == "IntConverter" else ARGUMENTS.get(name, "x")
        path = path.replace(f"<{type(converter).__name__.removesuffix('Converter').lower()}:{name}>", value)
    return "/" + path


ROUTES = [(address(*route), getattr(route[1].callback, "access", None)) for route in walk()]
KNOWN = [(path, kind) for path, kind in ROUTES if kind]


def test_every_route_is_classified():
    assert not [path for path, kind in ROUTES if kind is None]
    assert not {kind for _, kind in KNOWN} - {"public", "signed-in", *CAPABILITIES}


def test_no_route_leads_by_e_mail_or_to_signing_up():
    assert not [
        path
        for path, _ in ROUTES
        for word in ("signup", "email", "reset", "code/", "3rdparty")
        if word in path and "recovery-codes" not in path
    ]


@pytest.fixture
def request_of(make_user, sign_in):
    clients = {None: Client()}

    def request(role, method, path):
        if role not in clients:
            clients[role] = sign_in(make_user(f"role-{role}", role))
        return getattr(clients[role], method)(path)

    return request


def allowed(kind, role):
    if kind == "public":
        return True
    return role is not None and (kind == "signed-in" or RANK[role] >= RANK[CAPABILITIES[kind].role])


def is_to_sign_in(answer):
    return answer.status_code == 302 and answer["Location"].startswith(
        ("/accounts/login/", "/accounts/reauthenticate/")
    )


@pytest.mark.django_db
@pytest.mark.parametrize("role", [None, *ROLES])
def test_who_may_not_gets_nothing(role, request_of):
    """Anonymous: to the sign-in; signed in without the capability: 404; neither a page nor a failure."""
    wrong = []
    for (path, kind), method in itertools.product(KNOWN, ("get", "post")):
        if allowed(kind, role) or path == "/accounts/logout/":
            continue
        answer = request_of(role, method, path)
        refused = answer.status_code == 405 or (
            is_to_sign_in(answer) if role is None else answer.status_code == 404
        )
        if not refused:
            wrong.append((method, path, kind, answer.status_code, answer.get("Location")))
    assert not wrong


@pytest.mark.django_db
@pytest.mark.parametrize("role", [None, *ROLES])
def test_who_may_gets_an_answer(role, request_of):
    wrong = []
    for path, kind in KNOWN:
        if not allowed(kind, role) or path == "/accounts/logout/":
            continue
        answer = request_of(role, "get", path)
        if answer.status_code >= 500 or (kind != "public" and role and answer.status_code == 403):
            wrong.append((path, kind, answer.status_code))
    assert not wrong


@pytest.mark.django_db
def test_a_post_without_its_token_is_refused_everywhere(make_user, sign_in):
    client = sign_in(make_user(role="admin"), csrf=True)
    answers = {path: client.post(path).status_code for path, _ in KNOWN}
    assert {path: code for path, code in answers.items() if code not in (403, 405)} == {}


@pytest.mark.django_db
def test_a_page_with_a_capability_for_changing_takes_no_get(make_user, sign_in):
    """Routes whose view only changes something answer GET with 405, whoever asks."""
    client = sign_in(make_user(role="admin"))
    changing = [path for path, kind in KNOWN if kind in {"access.manage", "operations.cancel"}]
    assert changing
    assert {client.get(path).status_code for path in changing} == {405}


def test_every_stream_is_one_of_ours():
    """So that origin and rights are checked, and looked at again."""
    for route in websockets:
        assert issubclass(route.callback.consumer_class, Stream), route.pattern
        assert route.callback.consumer_class.authorise is not Stream.authorise


@pytest.mark.django_db
def test_every_answer_has_the_headers_that_protect(make_user, sign_in):
    client = sign_in(make_user(role="admin"))
    for path in ("/accounts/login/", "/accounts/2fa/", "/operations/", "/nothing/", "/access/users/"):
        answer = client.get(path)
        assert "default-src 'self'" in answer["Content-Security-Policy"], path
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]
    refused = Client(enforce_csrf_checks=True).post("/accounts/login/")
    assert refused.status_code == 403
    assert "Content-Security-Policy" in refused


def test_a_grant_for_names_is_none_for_the_whole_host():
    """Restarting nginx on a host is no right to power it off, nor to read its whole journal."""
    host = Host(name="web-1", group_names=["web"])
    rights = access.Rights("", (access.Grant("*", "web-*", "nginx*"),))
    assert rights.allows("units.restart", host, "nginx.service")
    assert rights.allows("units.view", host)
    assert not rights.allows("units.restart", host, "sshd.service")
    assert not rights.allows("hosts.power", host)
    assert not rights.allows("journal.view", host, "*")
    assert not rights.allows("units.restart", Host(name="db-1"), "nginx.service")
    assert not rights.allows("access.manage")
    assert access.Rights("", (access.Grant("viewer", "@web", "*"),)).allows("hosts.view", host)
    assert not access.Rights("", (access.Grant("viewer", "@web", "*"),)).allows(
        "units.restart", host, "a.service"
    )
