import pytest
from django.core.cache import cache
from django.test import Client

from console.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def fresh_rate_limits():
    cache.clear()


@pytest.fixture(autouse=True)
def plain_static_files(settings):
    """Nothing was collected, so no name carries a hash."""
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": static}


@pytest.fixture
def make_user(db):
    def make(name="ada", role="", password=PASSWORD, **facts):
        return User.objects.create_user(name, password=password, role=role, **facts)

    return make


@pytest.fixture
def sign_in():
    """A browser in which this user has signed in with a password."""

    def enter(user, *, csrf=False, password=PASSWORD):
        client = Client(enforce_csrf_checks=False)
        answer = client.post("/accounts/login/", {"login": user.username, "password": password})
        assert answer.status_code == 302, answer.content
        client.handler.enforce_csrf_checks = csrf
        return client

    return enter
