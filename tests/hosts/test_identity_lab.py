"""Name, time zone and time service of real hosts, and who is logged in there."""

from __future__ import annotations

import asyncio

import pytest

from console.errors import InvalidInput
from console.models import User
from hosts import identity
from hosts.logins import logins
from tests.hosts.watching import watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada():
    return User.objects.create_user("ada", role="admin")


async def test_the_name_is_set_and_set_back(web2, ada):
    async with watching(web2) as host:
        before = (await identity.known(host)).names
        operation = await identity.set_names(host, "db-7.example.org", "Ada's database", actor=ada)
        assert operation.state == "succeeded", operation.error
        names = (await identity.known(host)).names
        assert (names.static_hostname, names.pretty_hostname) == ("db-7.example.org", "Ada's database")
        assert await asyncio.to_thread(web2.shell, "cat /etc/hostname") == "db-7.example.org\n"
        operation = await identity.set_names(
            host, before.static_hostname or before.hostname, before.pretty_hostname or "", actor=ada
        )
        assert operation.state == "succeeded", operation.error


async def not_able_to_set_the_clock(lab_host):
    """A lab host has the clock of the machine that the tests run on."""
    capabilities = await asyncio.to_thread(lab_host.shell, "grep CapBnd /proc/1/status")
    assert not int(capabilities.split()[1], 16) >> 25 & 1, "this lab host could set the machine's clock"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a..b", "x" * 65, "ü", "a\nb", "a-.b", "$(reboot)"])
async def test_names_that_are_none_are_refused_before_anything_is_asked(web2, ada, name):
    async with watching(web2) as host:
        with pytest.raises(InvalidInput):
            await identity.set_names(host, name, "", actor=ada)


async def test_the_time_zone_is_one_of_the_hosts_own(web2, ada):
    async with watching(web2) as host:
        await not_able_to_set_the_clock(web2)
        known = await identity.known(host)
        assert "Europe/Paris" in known.timezones
        for zone in ("Europe/Paris", known.clock.timezone or "Etc/UTC"):
            operation = await identity.set_timezone(host, zone, actor=ada)
            assert operation.state == "succeeded", operation.error
            assert (await identity.known(host)).clock.timezone == zone
        with pytest.raises(InvalidInput):
            await identity.set_timezone(host, "Europe/../../etc/passwd", actor=ada)
        with pytest.raises(InvalidInput):
            await identity.set_timezone(host, "Europe/Atlantis", actor=ada)


async def test_the_time_service_is_switched_off_and_on(web2, ada):
    async with watching(web2) as host:
        await not_able_to_set_the_clock(web2)
        before = (await identity.known(host)).clock
        assert before.can_ntp
        for on in (not before.ntp, before.ntp):
            operation = await identity.set_ntp(host, on, actor=ada)
            assert operation.state == "succeeded", operation.error
            assert (await identity.known(host)).clock.ntp is on


async def test_who_is_logged_in_from_where(web1):
    async with watching(web1) as host:
        process = await asyncio.create_subprocess_exec(
            *(
                "ssh",
                "-tt",
                "-i",
                web1.key_path,
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ),
            *(f"alice@{web1.address}", "sleep 60"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(15):
                while not (
                    found := [login for login in await logins(host) if login.user == "alice" and login.remote]
                ):
                    await asyncio.sleep(0.1)
            assert found[0].service == "sshd"
            assert found[0].origin
            assert found[0].since is not None
        finally:
            process.terminate()
            await process.wait()
