"""A host to break: shared by all tests of faults, each leaves it healed."""

import pytest

from console.models import User


@pytest.fixture(scope="session")
def patient(lab):
    return lab.start("patient")[0]


@pytest.fixture
def actor():
    return User.objects.create_user("ada", role="admin")
