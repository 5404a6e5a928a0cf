"""Every change goes through here: recorded before it is made, one at a time a target, bounded, its end told honestly.

`run` writes the Operation and the audit entry, performs the action in a task that the supervisor owns (so a closed
page does not stop it), and waits a moment for the end. A lost answer leaves the state `unknown` until an observer,
called when the host is back, has looked at what became of it. Nothing is ever repeated blindly.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from console import audit
from console.access import Rights, Scope, pattern_to_regex, scopes
from console.errors import AnswerTimedOut, Busy, Cancelled, ConsoleError, Failed, NotFound, StorageFailed
from console.models import Operation, User
from console.snapshots import snapshots
from console.supervisor import supervisor

logger = logging.getLogger(__name__)
State = Operation.State
Action = Callable[[Operation], Awaitable[str | None]]
Observer = Callable[[Operation], Awaitable[str | None]]
ANSWER_WITHIN = 2.0  # seconds that the page which asked waits for the end
TOPIC = "operations"  # of host 0, and of each host
_running: dict[int, asyncio.Task[Any]] = {}
_cancelled: set[int] = set()
_observers: dict[str, Observer] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be changed. `call`: the exact D-Bus or REST call; `shell`: what an admin would type.

    `key`: the same key is the same change, asked twice. `deadline`: seconds until its end is given up as unknown.
    """

    actor: User
    verb: str
    kind: str
    target: str
    call: str
    shell: str = ""
    host_id: int | None = None
    host_name: str = ""
    ip: str = ""
    key: str = ""
    deadline: float = 90.0
    undo: dict[str, Any] | None = None


async def run(intent: Intent, action: Action, *, wait: float = ANSWER_WITHIN) -> Operation:
    """Record, perform, and wait up to `wait` seconds for the end. Raises Busy when the target is being changed.

    `action` returns a line that says what was reached. The Operation's errors are in its row, not raised here.
    """
    # A page that is closed in the middle of this cancels the view: the work is the supervisor's from the first step on.
    beginning = supervisor.spawn(f"begin {intent.verb}", _begin(intent, action))
    operation, task = await asyncio.shield(beginning)
    if task:
        await asyncio.wait({task}, timeout=wait)
        await operation.arefresh_from_db()
    return operation


async def _begin(intent: Intent, action: Action) -> tuple[Operation, asyncio.Task[None] | None]:
    operation, is_new = await _write(intent)
    if not is_new:
        return operation, None
    task = supervisor.spawn(f"operation {operation.pk}", _perform(operation, action, intent.deadline))
    _running[operation.pk] = task
    tell(operation)
    return operation, task


@sync_to_async
def _write(intent: Intent) -> tuple[Operation, bool]:
    now = timezone.now()
    try:
        with transaction.atomic():
            if intent.key and (known := Operation.objects.filter(key=intent.key).first()):
                return known, False
            operation = Operation.objects.create(
                key=intent.key or uuid.uuid4().hex,
                actor=intent.actor,
                actor_name=intent.actor.get_username(),
                ip=intent.ip or None,
                host_id=intent.host_id,
                host_name=intent.host_name,
                verb=intent.verb,
                kind=intent.kind,
                target=audit.plain(intent.target),
                call=audit.plain(intent.call),
                shell=audit.plain(intent.shell),
                undo=intent.undo,
                state=State.RUNNING,
                started=now,
                deadline=now + timedelta(seconds=intent.deadline),
            )
            _audit(operation, "asked")
    except IntegrityError as error:
        raise Busy(_who_is_busy(intent)) from error
    except OperationalError as error:
        raise StorageFailed(str(error)) from error
    return operation, True


def _who_is_busy(intent: Intent) -> str:
    other = Operation.objects.filter(
        host_id=intent.host_id, kind=intent.kind, target=intent.target, state__in=Operation.OPEN
    ).first()
    return f"{other.actor_name}: {other.verb} {other.target}, operation {other.pk}" if other else ""


def _audit(operation: Operation, phase: str) -> None:
    audit.record(
        f"operation.{phase}",
        actor=operation.actor_name,
        ip=operation.ip or "",
        target=f"{operation.host_name} {operation.target}".strip(),
        detail={
            "operation": operation.pk,
            "verb": operation.verb,
            "call": operation.call,
            "error": operation.error_code,
        },
    )


async def _perform(operation: Operation, action: Action, deadline: float) -> None:
    try:
        async with asyncio.timeout(deadline):
            result = await action(operation)
    except TimeoutError:
        await _conclude(operation, State.UNKNOWN, error=AnswerTimedOut(f"no end within {deadline:.0f} s"))
        await _look(operation)
    except Cancelled as error:
        await _conclude(operation, State.CANCELLED, error=error)
    except ConsoleError as error:
        await _conclude(operation, State.FAILED if error.outcome_known else State.UNKNOWN, error=error)
    except asyncio.CancelledError:
        await asyncio.shield(_interrupted(operation))
        raise
    except Exception as error:
        logger.exception("operation %s", operation.pk)
        await _conclude(operation, State.UNKNOWN, error=ConsoleError(type(error).__name__))
    else:
        await _conclude(operation, State.SUCCEEDED, result=result or "")
    finally:
        _running.pop(operation.pk, None)
        _cancelled.discard(operation.pk)


async def _conclude(
    operation: Operation, state: str, *, result: str = "", error: ConsoleError | None = None
) -> None:
    """The end of what was performed: written when the database can be written again, if it cannot be now."""
    pause = 1.0
    while True:
        try:
            return await finish(operation, state, result=result, error=error)
        except OperationalError:
            logger.exception("the end of operation %s (%s) cannot be written", operation.pk, state)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 15.0)


async def _interrupted(operation: Operation) -> None:
    """Its task was cancelled: by a user, or because Vigie stops. Either way nobody saw the end."""
    asked = operation.pk in _cancelled
    error = (
        Cancelled("Cancelled by a user; what the host had begun may still end there.")
        if asked
        else Cancelled("Vigie was stopped.")
    )
    await finish(operation, State.UNKNOWN, error=error)
    if asked:
        await _look(operation)


async def finish(
    operation: Operation, state: str, *, result: str = "", error: ConsoleError | None = None
) -> None:
    """Write the end (or what is known of it) and its audit entry in one transaction, then tell the open pages.

    An end that is written stays: another look at the same operation changes nothing any more."""
    operation.state, operation.result, operation.ended = state, audit.plain(result), timezone.now()
    operation.error_code = error.code if error else ""
    operation.error = audit.plain(error.detail or error.title) if error else ""
    operation.remedy = error.remedy if error else ""
    await _save(operation)
    tell(operation)


@sync_to_async
def _save(operation: Operation) -> None:
    fields = ("state", "result", "ended", "error_code", "error", "remedy", "undo")
    before = [*Operation.OPEN] if operation.state == State.UNKNOWN else [*Operation.OPEN, State.UNKNOWN]
    with transaction.atomic():
        row = Operation.objects.filter(pk=operation.pk, state__in=before)
        if row.update(**{name: getattr(operation, name) for name in fields}):
            _audit(operation, operation.state)


def tell(operation: Operation) -> None:
    """A hint for open pages; the row is the truth."""
    for host_id in {0, operation.host_id or 0}:
        snapshots.put(host_id, TOPIC, operation.pk, {str(operation.pk)})


async def cancel(operation_id: int, *, actor: User, ip: str = "") -> None:
    """Stop waiting for it and stop what can be stopped, then look what became of it. The action hears of it as
    CancelledError and may raise Cancelled instead when it knows that nothing happens any more.

    Raises NotFound when it does not run in this process."""
    task = _running.get(operation_id)
    if task is None:
        raise NotFound("This operation is not running any more.")
    detail = {"operation": operation_id}
    await audit.arecord("operation.cancel", actor=actor.get_username(), ip=ip, detail=detail)
    _cancelled.add(operation_id)
    task.cancel()


async def late_ends(ids: Iterable[str], actor: User) -> list[Operation]:
    """Of these the user's own that ended only after the page which asked was answered: their end is still to be told."""
    rows = Operation.objects.filter(pk__in=ids, actor=actor, ended__isnull=False)
    return [row async for row in rows if (row.seconds or 0.0) > ANSWER_WITHIN]


# --- after a restart or a lost connection ----------------------------------------------------------------------


def observer(prefix: str) -> Callable[[Observer], Observer]:
    """Register who can tell, by looking at the host, what became of a change whose verb starts with `prefix`.

    It returns a line when the wished state is there, None when that cannot be told, and raises Failed when it is not
    there. Of several the longest prefix counts.
    """

    def register(function: Observer) -> Observer:
        _observers[prefix] = function
        return function

    return register


async def watch() -> None:
    """The loop: at the start what a dead process left behind, later what ran past its end without one being written."""
    await adopt_orphans()
    while True:
        await asyncio.sleep(60)
        async for operation in Operation.objects.filter(state__in=Operation.OPEN, deadline__lt=timezone.now()):
            if operation.pk not in _running:
                await _adopt(operation)
                await _look(operation)


async def adopt_orphans() -> None:
    """Operations that nobody performs any more become `unknown`."""
    async for operation in Operation.objects.filter(state__in=Operation.OPEN):
        if operation.pk not in _running:
            await _adopt(operation)


async def _adopt(operation: Operation) -> None:
    await finish(operation, State.UNKNOWN, error=Cancelled("Vigie was stopped while this was running."))


async def observe(host_id: int) -> None:
    """The host is back: look at what became of its unknown operations of the last day."""
    since = timezone.now() - timedelta(days=1)
    async for operation in Operation.objects.filter(host_id=host_id, state=State.UNKNOWN, asked__gte=since):
        await _look(operation)


async def _look(operation: Operation) -> None:
    prefix = max((p for p in _observers if operation.verb.startswith(p)), key=len, default=None)
    if prefix is None:
        return
    try:
        result = await _observers[prefix](operation)
    except Failed as error:
        await finish(operation, State.FAILED, error=error)
    except ConsoleError as error:  # the host is away again: it stays unknown until the next look
        logger.info("operation %s cannot be observed: %s", operation.pk, error)
    else:
        if result:
            await finish(operation, State.SUCCEEDED, result=f"Observed afterwards: {result}")


# --- who may see which -----------------------------------------------------------------------------------------


def visible(user: User, rights: Rights) -> Q:
    """Which operations exist for this user: their own, and those of hosts and names where `operations.view` is theirs.

    Reads the database when the user has grants."""
    if rights.everywhere("operations.view"):
        return Q()
    seen, hosts = Q(actor=user), scopes()
    for grant in rights.granted("operations.view"):
        ids = [key for key, host in hosts.items() if grant.matches(host)]
        seen |= Q(host_id__in=ids, target__regex=pattern_to_regex(grant.names))
    return seen


FILTERS = ("state", "host_name", "actor_name", "kind")
SEARCHED = ("target", "verb", "call", "shell", "result", "error", "actor_name", "host_name")


def search(rows: QuerySet[Operation], wanted: Mapping[str, str]) -> QuerySet[Operation]:
    """`wanted`: values of FILTERS, `q`: words that must all be found somewhere, `id`."""
    exact = {name: wanted[name] for name in FILTERS if wanted.get(name)}
    if wanted.get("id", "").isdecimal():
        exact["pk"] = wanted["id"]
    rows = rows.filter(**exact)
    for word in wanted.get("q", "").split()[:8]:
        rows = rows.filter(Q(*[(f"{field}__icontains", word) for field in SEARCHED], _connector=Q.OR))
    return rows


@sync_to_async
def scope_of(operation: Operation) -> Scope | None:
    return scopes().get(operation.host_id) if operation.host_id else None
