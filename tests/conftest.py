"""What every test stands on."""

import pytest
from django.db import connection

pytest_plugins = [
    "tests.lab.plugin",  # fixtures with real hosts
    "tests.leaks",
    "tests.completeness",
    "pytester",
]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests empty the tables between them, which the audit log's own trigger would refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")
