"""What Vigie changes of allauth."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from console.access import client_ip


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up by themselves; who guesses passwords locks out only the address the guesses come from."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request) or "127.0.0.1"  # a unix socket has no address

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return f"{self.get_client_ip(request)} {credentials.get('username', '').lower()}"
