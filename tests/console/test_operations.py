"""Operations: recorded before acting, one at a time a target, honest about the end."""

import asyncio

import pytest
from django.db import connection

from console import audit, operations
from console.errors import Busy, Disconnected, Failed
from console.models import AuditEntry, Operation, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="operator")


def intent(actor, **changes):
    facts = {
        "verb": "units.restart",
        "kind": "unit",
        "target": "nginx.service",
        "call": "RestartUnit",
        "host_id": 1,
        "host_name": "web1",
    }
    return operations.Intent(actor=actor, **(facts | changes))


async def nothing(operation):
    return None


async def test_the_record_is_there_before_the_action_runs(actor):
    seen = []

    async def action(operation):
        seen.append((await Operation.objects.aget(pk=operation.pk)).state)
        seen.append(await AuditEntry.objects.filter(action="operation.asked").acount())
        return "restarted"

    operation = await operations.run(intent(actor), action)
    assert seen == ["running", 1]
    assert (operation.state, operation.result) == ("succeeded", "restarted")


@pytest.mark.parametrize(
    ("error", "state"),
    [(Failed("unit failed"), "failed"), (Disconnected(), "unknown"), (ZeroDivisionError(), "unknown")],
)
async def test_an_error_ends_it_honestly(actor, error, state):
    async def action(operation):
        raise error

    operation = await operations.run(intent(actor), action)
    assert operation.state == state
    assert operation.remedy


async def test_two_at_once_on_one_target_are_refused(actor):
    go = asyncio.Event()

    async def slow(operation):
        await go.wait()

    first = await operations.run(intent(actor), slow, wait=0.01)
    assert first.state == "running"
    with pytest.raises(Busy, match=r"ada: units.restart nginx.service"):
        await operations.run(intent(actor), slow)
    other = await operations.run(intent(actor, target="other.service"), nothing)
    assert other.state == "succeeded"
    go.set()
    await asyncio.gather(*operations._running.values())
    assert (await Operation.objects.aget(pk=first.pk)).state == "succeeded"


async def test_the_same_key_is_the_same_change(actor):
    calls = []

    async def action(operation):
        calls.append(operation.pk)

    first = await operations.run(intent(actor, key="k"), action)
    second = await operations.run(intent(actor, key="k"), action)
    assert first.pk == second.pk
    assert calls == [first.pk]


async def test_past_its_deadline_it_is_unknown_until_observed(actor):
    async def look(operation):
        return "nginx.service is active"

    operation = await operations.run(intent(actor, deadline=0.01), lambda _: asyncio.sleep(60))
    assert operation.state == "unknown"
    operations.observer("units.restart")(look)
    try:
        await operations.observe(1)
    finally:
        operations._observers.pop("units.restart")
    await operation.arefresh_from_db()
    assert operation.state == "succeeded"
    assert operation.result == "Observed afterwards: nginx.service is active"


async def test_after_a_restart_running_ones_are_unknown_and_not_repeated(actor):
    operation = await operations.run(intent(actor), lambda _: asyncio.sleep(60), wait=0.01)
    task = operations._running.pop(operation.pk)  # as if the process that ran it had died
    await operations.adopt_orphans()
    await operation.arefresh_from_db()
    assert operation.state == "unknown"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_cancelling_says_that_the_end_is_not_known(actor):
    operation = await operations.run(intent(actor), lambda _: asyncio.sleep(60), wait=0.01)
    task = operations._running[operation.pk]
    await operations.cancel(operation.pk, actor=actor)
    await asyncio.gather(task, return_exceptions=True)
    await operation.arefresh_from_db()
    assert (operation.state, operation.error_code) == ("unknown", "cancelled")


def test_the_chain_names_an_edited_row():
    for n in range(5):
        audit.record("test", actor="ada", target=f"t{n}", detail={"n": n})
    assert audit.verify().broken is None
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_no_update")
        cursor.execute("UPDATE console_auditentry SET target = 'else' WHERE id = 3")
    assert audit.verify().broken.entry_id == 3


async def test_the_end_of_a_long_one_is_told_later_to_its_actor_alone(actor, monkeypatch):
    monkeypatch.setattr(operations, "ANSWER_WITHIN", -1.0)
    mine = await operations.run(intent(actor), nothing)
    other = await User.objects.acreate(username="bob")
    theirs = await operations.run(intent(other, target="other.service"), nothing)
    ids = {str(mine.pk), str(theirs.pk)}
    assert [row.pk for row in await operations.late_ends(ids, actor)] == [mine.pk]
    monkeypatch.setattr(operations, "ANSWER_WITHIN", 60.0)
    assert await operations.late_ends(ids, actor) == []
