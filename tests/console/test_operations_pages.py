"""The pages of operations: only what one may see, searched, live, cancelled; and a database that cannot be written."""

import asyncio
import dataclasses

import pytest
from asgiref.sync import async_to_sync
from channels.routing import URLRouter
from channels.sessions import SessionMiddlewareStack
from channels.testing import WebsocketCommunicator
from django.db import OperationalError, connection
from django.test import AsyncClient
from django.utils import timezone

from console import operations
from console.errors import Failed, StorageFailed, Unreachable
from console.models import AuditEntry, Grant, Operation, User
from console.supervisor import supervisor
from console.urls import websockets
from hosts.models import Host

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '<img src=x onerror=alert(1)> hx-get="/"'


@pytest.fixture
def hosts():
    web = Host.objects.create(name="web-1", address="192.0.2.1", group_names=["web"])
    return web, Host.objects.create(name="db-1", address="192.0.2.2")


def record(host, target, actor=None, **facts):
    known = {"verb": "units.restart", "kind": "unit", "state": "succeeded", "call": f"RestartUnit({target!r})"}
    return Operation.objects.create(
        key=f"{host and host.pk}-{target}-{facts}",
        host_id=host and host.pk,
        host_name=host.name if host else "",
        target=target,
        actor=actor,
        actor_name=actor.username if actor else "someone",
        deadline=timezone.now(),
        **(known | facts),
    )


@pytest.fixture
def rows(hosts):
    web, db = hosts
    return [
        record(web, "nginx.service"),
        record(
            web,
            "sshd.service",
            state="failed",
            error="exit code 1",
            remedy="Read its log.",
            error_code="failed",
        ),
        record(db, "nginx.service"),
        record(None, "bob", kind="user", verb="access.role"),
    ]


def shown(client, query=""):
    return [(row.host_name, row.target) for row in client.get(f"/operations/{query}").context["page"]]


def test_a_viewer_sees_all_and_searches(rows, make_user, sign_in):
    client = sign_in(make_user(role="viewer"))
    assert len(shown(client)) == 4
    assert shown(client, "?state=failed") == [("web-1", "sshd.service")]
    assert shown(client, "?host_name=db-1") == [("db-1", "nginx.service")]
    assert shown(client, "?kind=user") == [("", "bob")]
    assert shown(client, "?q=exit+code+web-1") == [("web-1", "sshd.service")]
    assert shown(client, "?q=nothing") == []
    assert "No operation matches" in client.get("/operations/?q=nothing").content.decode()


@pytest.mark.parametrize(
    ("grant", "seen"),
    [
        (("viewer", "@web", "*"), {("web-1", "nginx.service"), ("web-1", "sshd.service")}),
        (("operations.view", "*-1", "nginx*"), {("web-1", "nginx.service"), ("db-1", "nginx.service")}),
        (("units.*", "*", "*"), set()),
        (("operations.*", "web-2", "*"), set()),
    ],
)
def test_operations_of_hosts_one_may_not_see_do_not_exist(rows, make_user, sign_in, grant, seen):
    user = make_user()
    Grant.objects.create(user=user, **dict(zip(("capability", "hosts", "names"), grant, strict=True)))
    client = sign_in(user)
    assert set(shown(client)) == seen
    for row in rows:
        expected = 200 if (row.host_name, row.target) in seen else 404
        assert client.get(f"/operations/{row.pk}/").status_code == expected
    choices = {
        name: [value for value, _ in values]
        for name, _, values in client.get("/operations/").context["filters"]
    }
    assert set(choices["host_name"]) == {host for host, _ in seen}


def test_ones_own_operations_are_there_without_any_grant(hosts, make_user, sign_in):
    user = make_user()
    mine = record(hosts[1], "nginx.service", user)
    assert sign_in(user).get(f"/operations/{mine.pk}/").status_code == 200


def test_the_page_of_one_names_call_shell_outcome_and_remedy(rows, make_user, sign_in):
    Operation.objects.filter(pk=rows[1].pk).update(shell="systemctl restart -- sshd.service")
    page = sign_in(make_user(role="viewer")).get(f"/operations/{rows[1].pk}/").content.decode()
    for text in (
        "RestartUnit(&#x27;sshd.service&#x27;)",
        "systemctl restart -- sshd.service",
        "exit code 1",
        "Read its log.",
    ):
        assert text in page


def test_hostile_text_stays_text(hosts, make_user, sign_in):
    row = record(hosts[0], HOSTILE, state="failed", error=HOSTILE, result=HOSTILE)
    client = sign_in(make_user(role="admin"))
    for path in ("/operations/", f"/operations/{row.pk}/", f"/operations/?q={HOSTILE}"):
        assert "<img src=x" not in client.get(path).content.decode()


async def browser(user):
    client = AsyncClient()
    await client.aforce_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def intent(user, host, target="nginx.service"):
    return operations.Intent(
        actor=user,
        verb="units.restart",
        kind="unit",
        target=target,
        call="RestartUnit",
        host_id=host.pk,
        host_name=host.name,
    )


async def test_who_may_cancels(hosts, make_user):
    operator = await asyncio.to_thread(make_user, "op", "operator")
    viewer = await asyncio.to_thread(make_user, "view", "viewer")
    operation = await operations.run(intent(operator, hosts[0]), lambda _: asyncio.sleep(60), wait=0.01)
    task = operations._running[operation.pk]
    path = f"/operations/{operation.pk}/cancel/"
    assert (await (await browser(viewer)).post(path)).status_code == 404
    assert not task.done()
    assert (await (await browser(operator)).post(path)).status_code == 302
    await asyncio.gather(task, return_exceptions=True)
    await operation.arefresh_from_db()
    assert operation.state == "unknown"
    again = await (await browser(operator)).post(path)
    assert again.status_code == 404
    assert "not running any more" in again.content.decode()


async def test_a_page_that_closes_in_the_middle_loses_nothing(hosts, make_user):
    """Django cancels a view whose page has gone: also between the record and the action."""
    user = await asyncio.to_thread(make_user, "op", "operator")
    done = asyncio.Event()

    async def action(_):
        done.set()

    for moment in range(4):
        done.clear()
        run = asyncio.ensure_future(operations.run(intent(user, hosts[0], f"{moment}.service"), action))
        for _ in range(moment):
            await asyncio.sleep(0)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await asyncio.gather(*supervisor._tasks)
        assert done.is_set() == await Operation.objects.filter(target=f"{moment}.service").aexists()
        assert not await Operation.objects.filter(state__in=Operation.OPEN).aexists()


async def test_what_an_observer_cannot_reach_stays_unknown(hosts, make_user):
    user = await asyncio.to_thread(make_user, "op", "operator")
    answers = iter([Unreachable(), None, Failed("it is dead")])

    async def look(_):
        if answer := next(answers):
            raise answer

    real = operations._observers.get("units.")
    operations.observer("units.")(look)
    try:
        hasty = dataclasses.replace(intent(user, hosts[0]), deadline=0.01)
        operation = await operations.run(hasty, lambda _: asyncio.sleep(9))
        for state in ("unknown", "failed"):
            await operations.observe(hosts[0].pk)
            await operation.arefresh_from_db()
            assert operation.state == state
    finally:
        operations._observers["units."] = real


@pytest.fixture
def listen():
    """Opens the operations' stream as a signed-in user."""
    application, opened = SessionMiddlewareStack(URLRouter(websockets)), []

    async def start(user, query=""):
        client = await browser(user)
        key = client.cookies["vigie_session"].value
        headers = [
            (b"host", b"vigie"),
            (b"origin", b"http://vigie"),
            (b"cookie", f"vigie_session={key}".encode()),
        ]
        communicator = WebsocketCommunicator(application, f"/ws/operations/{query}", headers)
        opened.append(communicator)
        await communicator.connect()
        assert (await communicator.receive_json_from())["kind"] == "ping"
        await asyncio.sleep(0.05)  # until it listens
        return communicator

    return start


async def done(_):
    return "active"


async def test_rows_and_toasts_come_live_to_those_who_may_see(hosts, make_user, listen):
    actor = await asyncio.to_thread(make_user, "op", "operator")
    viewer = await asyncio.to_thread(make_user, "view", "viewer")
    nobody = await asyncio.to_thread(make_user, "nobody", "")
    pages = [await listen(user) for user in (actor, viewer, nobody)]
    operation = await operations.run(intent(actor, hosts[0], HOSTILE), done)
    frames = await asyncio.gather(*map(everything, pages))
    assert f'id="operation-{operation.pk}"' in frames[0]
    assert "toast" in frames[0]
    assert "succeeded" in frames[1]
    assert "toast" not in frames[1]
    assert frames[2] == ""
    assert "<img src=x" not in "".join(frames)
    for page in pages:
        await page.disconnect()


async def everything(communicator):
    found = ""
    while not await communicator.receive_nothing(0.2):
        frame = await communicator.receive_json_from()
        found += frame.get("html", "")
    return found


async def test_a_filtered_list_gets_only_what_matches(hosts, make_user, listen):
    actor = await asyncio.to_thread(make_user, "op", "operator")
    page = await listen(actor, "?state=failed&host_name=web-1")
    operation = await operations.run(intent(actor, hosts[0]), done)
    kinds = {}
    while not await page.receive_nothing(0.2):
        frame = await page.receive_json_from()
        kinds.setdefault(frame["kind"], []).append(frame)
    assert kinds["remove"][-1]["ids"] == [f"operation-{operation.pk}"]
    assert all("<tr" not in frame["html"] for frame in kinds.get("html", []))
    await page.disconnect()


async def test_after_a_gap_the_page_hears_what_it_missed(hosts, make_user, listen):
    actor = await asyncio.to_thread(make_user, "op", "operator")
    before = timezone.now().timestamp()
    operation = await operations.run(intent(actor, hosts[0]), done)
    page = await listen(actor, f"?resume={before}")
    frame = await page.receive_json_from()
    assert f'id="operation-{operation.pk}"' in frame["html"]
    assert float(frame["resume"]) >= before
    await page.disconnect()
    for nonsense in ("nan", "1e999", "x", "-1e30"):
        page = await listen(actor, f"?resume={nonsense}&toasts")
        assert await page.receive_nothing(0.05)
        await page.disconnect()


# --- the database cannot be written -----------------------------------------------------------------------------


@pytest.fixture
def writing():
    """`writing(False)`: from now on the database cannot be written."""

    def switch(possible):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA query_only = {'OFF' if possible else 'ON'}")

    yield switch
    switch(True)


def test_a_change_is_refused_before_it_is_made(make_user, hosts, writing):
    acted = []

    async def action(_):
        acted.append(1)

    user = make_user(role="operator")
    writing(False)

    async def attempt():
        with pytest.raises(StorageFailed, match="readonly"):
            await operations.run(intent(user, hosts[0]), action)

    async_to_sync(attempt)()
    assert not acted


def test_pages_stay_readable_and_changes_say_what_to_do(make_user, sign_in, writing):
    admin = make_user(role="admin")
    client = sign_in(admin)
    client.get("/operations/")  # its use is written now and then only
    writing(False)
    assert client.get("/operations/").status_code == 200
    answer = client.post("/access/users/", {"name": "bob"})
    assert answer.status_code == 503
    text = answer.content.decode()
    assert StorageFailed.title.replace("'", "&#x27;") in text
    assert "Nothing was changed" in text
    fragment = client.post("/access/users/", {"name": "bob"}, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in fragment
    assert "Nothing was changed" in fragment or "readonly" in fragment
    writing(True)
    assert not User.objects.filter(username="bob").exists()
    assert not AuditEntry.objects.filter(action="access.user-created").exists()


def test_an_idle_mark_that_cannot_be_written_costs_no_page(make_user, sign_in, writing, caplog):
    client = sign_in(make_user(role="viewer"))
    session = client.session
    session.pop("vigie_seen", None)
    session.save()
    writing(False)
    assert client.get("/operations/").status_code == 200
    assert "could not be written" in caplog.text


def test_signing_in_with_a_full_disk_says_so(make_user, client, writing):
    make_user(role="admin")
    client.raise_request_exception = False
    writing(False)
    answer = client.post("/accounts/login/", {"login": "ada", "password": "correct horse battery"})
    assert answer.status_code == 503
    assert b"cannot be written" in answer.content


def test_a_full_database_raises_what_is_caught(make_user):
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    try:
        with pytest.raises(OperationalError, match="full"):
            for n in range(500):
                AuditEntry(
                    pk=n + 1, at=timezone.now(), actor="x" * 150, action="x", digest="x" * 64, target="y" * 600
                ).save(force_insert=True)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1000000")
