"""Every route. Apps bring `urlpatterns` and `websockets` in their urls.py; the frame names the apps but imports none.

allauth's routes are listed one by one: what is not here (sign-up, e-mail, reset by e-mail) does not exist.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import include, path

from console import consumers
from console.access import public, signed_in_by_allauth
from console.views import about, access, accounts, audit, operations, palette, signin

APPS = ("hosts", "containers")

accounts_public: list[Any] = [
    path("login/", public(account.login), name="account_login"),
    path("logout/", public(account.logout), name="account_logout"),
    path("inactive/", public(account.account_inactive), name="account_inactive"),
    path("2fa/authenticate/", public(mfa.authenticate), name="mfa_authenticate"),
    path("2fa/webauthn/login/", public(webauthn.login_webauthn), name="mfa_login_webauthn"),
]

own = signed_in_by_allauth
accounts_own: list[Any] = [
    path("reauthenticate/", own(account.reauthenticate), name="account_reauthenticate"),
    path("password/change/", own(account.password_change), name="account_change_password"),
    path("password/set/", own(account.password_set), name="account_set_password"),
    path("sessions/", own(accounts.Sessions.as_view()), name="usersessions_list"),
    path("2fa/", own(mfa.index), name="mfa_index"),
    path("2fa/reauthenticate/", own(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", own(totp.activate_totp), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", own(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", own(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "2fa/recovery-codes/generate/",
        own(recovery.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/download/",
        own(recovery.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("2fa/webauthn/", own(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path("2fa/webauthn/add/", own(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "2fa/webauthn/reauthenticate/",
        own(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path("2fa/webauthn/keys/<int:pk>/remove/", own(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("2fa/webauthn/keys/<int:pk>/edit/", own(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
]

urlpatterns: list[Any] = [
    path("accounts/", include(accounts_public + accounts_own)),
    path("signin/<str:token>/", signin.by_link, name="signin"),
    path("welcome/", accounts.welcome, name="welcome"),
    path("operations/", operations.index, name="operations"),
    path("operations/<int:operation_id>/", operations.detail, name="operation"),
    path("operations/<int:operation_id>/cancel/", operations.cancel, name="operation-cancel"),
    path("operations/<int:operation_id>/undo/", operations.undo, name="operation-undo"),
    path("audit/", audit.index, name="audit"),
    path("access/", access.index, name="access"),
    path("access/users/", access.create, name="access-create"),
    path("access/users/<int:user_id>/", access.user, name="access-user"),
    path("access/users/<int:user_id>/preview/", access.preview, name="access-preview"),
    path("access/users/<int:user_id>/role/", access.set_role, name="access-role"),
    path("access/users/<int:user_id>/active/", access.set_active, name="access-active"),
    path("access/users/<int:user_id>/link/", access.make_link, name="access-link"),
    path("access/users/<int:user_id>/sessions/", access.end_sessions, name="access-sessions"),
    path("access/users/<int:user_id>/grants/", access.add_grant, name="access-grant"),
    path("access/grants/<int:grant_id>/remove/", access.remove_grant, name="access-grant-remove"),
    path("about/", about.index, name="about"),
    path("palette/", palette.search, name="palette"),
    *(path("", include(f"{app}.urls")) for app in APPS),
]

websockets: list[Any] = [
    path("ws/operations/", consumers.OperationsStream.as_asgi()),
    *(route for app in APPS for route in import_module(f"{app}.urls").websockets),
]

handler404 = "console.views.errors.not_found"
handler500 = "console.views.errors.server_error"
