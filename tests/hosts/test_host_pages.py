"""The pages of power, identity, logins and terminals, with a real host behind them and with none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import AsyncClient

from console.errors import InvalidInput
from console.models import Operation, User
from hosts import power
from hosts.models import Host
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.console.sockets import signed_in
from tests.hosts.watching import watching

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["power/", "identity/", "logins/"]


async def admin(fresh=True):
    user = await User.objects.acreate(username="ada", role="admin")
    user.set_password("a long password")
    await user.asave()
    client = AsyncClient()
    client.cookies[settings.SESSION_COOKIE_NAME] = (await signed_in(user, fresh=fresh)).session_key
    return client


@pytest.mark.parametrize("page", PAGES)
async def test_a_host_that_is_not_online_is_said_so(page):
    await Host.objects.acreate(name="far", address="192.0.2.1")
    answer = await (await admin()).get(f"/host/far/{page}")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


async def test_power_and_a_new_terminal_ask_for_the_password_again():
    await Host.objects.acreate(name="far", address="192.0.2.1")
    client = await admin(fresh=False)
    for page in ("power/", "terminal/", "terminal/abc/"):
        answer = await client.get(f"/host/far/{page}")
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/reauthenticate/?next=")


async def test_a_terminals_page_has_an_address_of_its_own():
    await Host.objects.acreate(name="far", address="192.0.2.1")
    client = await admin()
    answer = await client.get("/host/far/terminal/?login=alice")
    assert answer["Location"].startswith("/host/far/terminal/")
    assert answer["Location"].endswith("/?login=alice")
    page = (await client.get(answer["Location"])).content.decode()
    assert f'data-terminal="/ws{answer["Location"]}"' in page
    assert "alice@far" in page


@pytest.mark.lab
async def test_pages_of_a_host_and_a_schedule_made_and_called_off_there(web1):
    client = await admin()
    async with watching(web1) as host:
        pages = [(await client.get(f"/host/{host.name}/{page}")).content.decode() for page in PAGES]
        assert f"Restart {host.name}?" in pages[0]
        assert "Europe/Paris" in pages[1]
        assert all('role="alert"' not in page for page in pages)
        answer = await client.post(f"/host/{host.name}/power/schedule/", {"way": "restart", "minutes": "120"})
        assert answer["Location"] == f"/host/{host.name}/power/"
        assert "Restart is scheduled" in (await client.get(answer["Location"])).content.decode()
        await client.post(f"/host/{host.name}/power/cancel/")
        assert "is scheduled" not in (await client.get(answer["Location"])).content.decode()
        refused = await client.post(f"/host/{host.name}/power/schedule/", {"way": "restart"})
        assert refused.status_code == 400
        verbs = [row.verb async for row in Operation.objects.order_by("pk")]
        assert verbs == ["power.schedule-restart", "power.cancel"]
        fragment = await client.get(f"/host/{host.name}/logins/", headers={"HX-Request": "true"})
        assert "<html" not in fragment.content.decode()


def test_when_a_form_says():
    assert power.minutes_of("15", "", "UTC") == 15
    at = datetime.now(UTC) + timedelta(minutes=90)
    assert power.minutes_of("", at.strftime("%Y-%m-%dT%H:%M"), "UTC") in (90, 91, 89)
    wrong = [
        *(("", "", "UTC"), ("1", "2030-01-01T00:00", "UTC"), ("x", "", "UTC"), ("", "2001-01-01T00:00", "UTC")),
        *(("", "2030-01-01T00:00", "../../etc"), ("", "2030-13-01T00:00", "UTC"), ("", "2030-01-01T00:00", "")),
    ]
    for form in wrong:
        with pytest.raises(InvalidInput):
            power.minutes_of(*form)
