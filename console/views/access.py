"""Who may do what: users, roles, grants, sign-in links, sessions. Each change is an Operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db.models import Count, Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from console import operations, signin, users
from console.access import CAPABILITIES, ConsoleRequest, client_ip, guard
from console.forms import GrantForm, RoleForm, UserForm
from console.models import Grant, Operation, User

USER = "console/access_user.html"
DONE = {
    "access.role": "the role is set",
    "access.enable": "may sign in again",
    "access.disable": "is disabled and signed out",
    "access.sign-out": "is signed out everywhere",
    "access.grant": "the grant is added",
    "access.revoke": "the grant is removed",
}


@require_GET
@guard("access.view")
async def index(request: ConsoleRequest) -> HttpResponse:
    return await _index(request, UserForm())


@sync_to_async
def _index(request: ConsoleRequest, form: UserForm, status: int = 200) -> HttpResponse:
    factors = Authenticator.objects.filter(user=OuterRef("pk"))
    people = User.objects.order_by("username").annotate(
        grant_count=Count("grants", distinct=True),
        session_count=Count("usersession", distinct=True),
        passkey=Exists(factors.filter(type=Authenticator.Type.WEBAUTHN)),
        totp=Exists(factors.filter(type=Authenticator.Type.TOTP)),
    )
    context = {"nav": "access", "users": people, "form": form}
    return render(request, "console/access.html", context, status=status)


@require_POST
@guard("access.manage")
async def create(request: ConsoleRequest) -> HttpResponse:
    form = UserForm(request.POST)
    if not form.is_valid():
        return await _index(request, form, 400)
    name, role = form.cleaned_data["name"], form.cleaned_data["role"]
    operation = await _change(
        request, "user-add", name, f"users add --role {role or 'none'} -- {name}", users.create, name, role
    )
    if operation.state != Operation.State.SUCCEEDED:
        form.add_error("name", operation.error)
        return await _index(request, form, 409)
    person = await User.objects.aget(username=name)
    return await _with_link(request, person)


@require_GET
@guard("access.view")
async def user(request: ConsoleRequest, user_id: int) -> HttpResponse:
    return await _user(request, await aget_object_or_404(User, pk=user_id))


@sync_to_async
def _user(request: ConsoleRequest, person: User, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "nav": "access",
        "crumbs": [("Access", "/access/")],
        "person": person,
        "sessions": UserSession.objects.purge_and_list(person),
        "grants": [
            (grant, users.sentence(grant.capability, grant.hosts, grant.names)) for grant in person.grants.all()
        ],
        "roles": User.Role.choices,
        "capabilities": [*users.ROLES, *CAPABILITIES],
        "form": GrantForm(),
    }
    return render(request, USER, context | more, status=status)


@require_GET
@guard("access.view")
async def preview(request: ConsoleRequest, user_id: int) -> HttpResponse:
    person = await aget_object_or_404(User, pk=user_id)
    form = GrantForm(request.GET)
    shown = await sync_to_async(users.preview)(**form.cleaned_data) if form.is_valid() else None
    return await sync_to_async(render)(
        request, f"{USER}#preview", {"person": person, "form": form, "preview": shown}
    )


@require_POST
@guard("access.manage")
async def set_role(request: ConsoleRequest, user_id: int) -> HttpResponse:
    person, form = await aget_object_or_404(User, pk=user_id), RoleForm(request.POST)
    if not form.is_valid():
        return await _user(request, person, 400, error="There is no such role.")
    role = form.cleaned_data["role"]
    shell = f"users role -- {person.username} {role or 'none'}"
    return await _answer(
        request, person, await _change(request, "role", person.username, shell, users.set_role, person, role)
    )


@require_POST
@guard("access.manage")
async def set_active(request: ConsoleRequest, user_id: int) -> HttpResponse:
    person, active = await aget_object_or_404(User, pk=user_id), request.POST.get("active") == "1"
    verb = "enable" if active else "disable"
    shell = f"users {verb} -- {person.username}"
    return await _answer(
        request, person, await _change(request, verb, person.username, shell, users.set_active, person, active)
    )


@require_POST
@guard("access.manage")
async def make_link(request: ConsoleRequest, user_id: int) -> HttpResponse:
    return await _with_link(request, await aget_object_or_404(User, pk=user_id))


async def _with_link(request: ConsoleRequest, person: User) -> HttpResponse:
    token = await sync_to_async(signin.make_link)(person, actor=request.actor.username)
    link = request.build_absolute_uri(reverse("signin", args=[token]))
    return await _user(request, person, link=link, minutes=signin.LIFETIME.seconds // 60)


@require_POST
@guard("access.manage")
async def end_sessions(request: ConsoleRequest, user_id: int) -> HttpResponse:
    person = await aget_object_or_404(User, pk=user_id)
    shell = f"users sign-out -- {person.username}"
    return await _answer(
        request, person, await _change(request, "sign-out", person.username, shell, users.end_sessions, person)
    )


@require_POST
@guard("access.manage")
async def add_grant(request: ConsoleRequest, user_id: int) -> HttpResponse:
    person, form = await aget_object_or_404(User, pk=user_id), GrantForm(request.POST)
    if not form.is_valid():
        return await _user(request, person, 400, form=form)
    wanted = form.cleaned_data.values()
    shell = f"users grant -- {person.username} {' '.join(wanted)}"
    return await _answer(
        request,
        person,
        await _change(request, "grant", person.username, shell, users.add_grant, person, *wanted),
    )


@require_POST
@guard("access.manage")
async def remove_grant(request: ConsoleRequest, grant_id: int) -> HttpResponse:
    grant = await aget_object_or_404(Grant.objects.select_related("user"), pk=grant_id)
    person = grant.user
    shell = f"users revoke -- {person.username} {grant.capability} {grant.hosts} {grant.names}"
    return await _answer(
        request, person, await _change(request, "revoke", person.username, shell, users.remove_grant, grant)
    )


async def _change(
    request: ConsoleRequest, verb: str, target: str, shell: str, function: Callable[..., Any], *arguments: Any
) -> Operation:
    actor, ip = request.actor, client_ip(request)

    async def action(_: Operation) -> None:
        await sync_to_async(function)(*arguments, actor=actor.username, ip=ip)

    intent = operations.Intent(  # noqa: S604  (no process: `shell` is a text to show)
        actor=actor,
        verb=f"access.{verb}",
        kind="user",
        target=target,
        ip=ip,
        call=shell,
        shell=f"manage.py {shell}",
    )
    return await operations.run(intent, action, wait=30)


async def _answer(request: ConsoleRequest, person: User, operation: Operation) -> HttpResponse:
    if operation.state != Operation.State.SUCCEEDED:
        return await _user(request, person, 409, error=operation.error, remedy=operation.remedy)
    messages.success(request, f"{person.username}: {DONE[operation.verb]}")
    return redirect("access-user", person.pk)
