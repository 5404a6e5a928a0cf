"""The journal of a real host: pages, cursors, filters, following, hostile entries."""

import asyncio
from contextlib import aclosing

import pytest
from django.test import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from console.access import Grant, Rights
from console.errors import InvalidInput, NotFound
from console.models import User
from hosts import journal
from hosts.journal import Query
from hosts.models import Host
from tests.console.conftest import plain_static_files  # noqa: F401  (used by every test here)
from tests.hosts.watching import watching


def say(host, text, *options):
    host.shell(f"systemd-cat {' '.join(options)} printf '%b\\n' '{text}'")


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_pages_go_back_without_end_and_forward_again(web1):
    web1.shell("for i in $(seq 450); do echo page-$i; done | systemd-cat -t pages")
    web1.shell("journalctl --sync")
    query = Query(identifier="pages")
    async with watching(web1) as host:
        newest = await journal.before(host, query)
        assert [e.message for e in newest.entries] == [f"page-{n}" for n in range(251, 451)]
        older = await journal.before(host, query, newest.entries[0].cursor)
        assert (older.entries[-1].message, older.more) == ("page-250", True)
        oldest = await journal.before(host, query, older.entries[0].cursor)
        assert ([e.message for e in oldest.entries], oldest.more) == (
            [f"page-{n}" for n in range(1, 51)],
            False,
        )
        after = await journal.after(host, query, oldest.entries[-1].cursor)
        assert after.entries == older.entries


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_filters_are_combined(web1):
    say(web1, "needle [a+b] here", "-t", "filters", "-p", "err")
    say(web1, "needle [a+b] there", "-t", "filters", "-p", "info")
    say(web1, "hay", "-t", "filters", "-p", "err")
    web1.shell("journalctl --sync")
    async with watching(web1) as host:
        found = await journal.before(
            host, Query(identifier="filters", priority=3, text="NEEDLE [a+b]", boot="0")
        )
        assert [e.message for e in found.entries] == ["needle [a+b] here"]
        assert found.entries[0].priority == 3
        assert not (await journal.before(host, Query(identifier="filters", until=1.0))).entries
        assert (await journal.boots(host))[0].index == 0


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_hostile_entries_arrive_as_text(web1):
    web1.shell("printf '\\x1b[2J\\xff\\x00<b>x</b>\\n' | systemd-cat -t hostile")
    web1.shell("head -c 10485760 /dev/zero | tr '\\0' y | logger -t long --size 10485760")
    web1.shell("journalctl --sync")
    async with watching(web1) as host:
        entry = (await journal.before(host, Query(identifier="hostile"))).entries[-1]
        assert "<b>x</b>" in entry.message
        assert "\x1b" not in entry.message
        long = (await journal.before(host, Query(identifier="long"))).entries
        assert all(len(e.message) < 70_000 for e in long)
        fields = dict(await journal.fields(host, entry.cursor))
        assert fields["SYSLOG_IDENTIFIER"] == "hostile"
        with pytest.raises(NotFound):
            await journal.fields(host, entry.cursor.replace(";i=", ";i=fffff"))


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_follow_resumes_at_its_cursor_nothing_lost_nothing_twice(web1):
    async with watching(web1) as host:
        say(web1, "first", "-t", "resume")
        async with aclosing(journal.follow(host, Query(identifier="resume"))) as entries:
            async with asyncio.timeout(10):
                cursor = (await anext(entries)).cursor
        web1.shell("for i in 1 2 3; do echo missed-$i | systemd-cat -t resume; done")
        async with aclosing(journal.follow(host, Query(identifier="resume"), cursor)) as entries:
            async with asyncio.timeout(10):
                assert [(await anext(entries)).message for _ in range(3)] == [
                    "missed-1",
                    "missed-2",
                    "missed-3",
                ]
    assert web1.shell("pgrep -c journalctl || true").strip() == "0"


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_the_first_burst_of_what_was_silent_is_whole(web1):
    """journalctl, held up while many entries came, must not begin with the last of them."""
    async with watching(web1) as host, aclosing(journal.follow(host, Query(identifier="burst"))) as entries:
        first = asyncio.ensure_future(anext(entries))
        while not web1.shell("pgrep -f 'journalctl.*--follow' || true"):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        web1.shell("pkill -STOP -x journalctl")
        web1.shell("seq 1000 | systemd-cat -t burst; journalctl --sync")
        web1.shell("pkill -CONT -x journalctl")
        async with asyncio.timeout(30):
            found = [(await first).message] + [(await anext(entries)).message for _ in range(999)]
    assert found == [str(n) for n in range(1, 1001)]


@pytest.mark.parametrize(
    "values",
    [
        {"unit": "../x"},
        {"boot": "1; rm"},
        {"priority": "9"},
        {"since": "never"},
        {"text": "a\nb"},
        {"identifier": "\0"},
    ],
)
def test_a_wrong_field_is_named(values):
    with pytest.raises(InvalidInput):
        journal.parse_query(values)


@given(
    st.dictionaries(
        st.sampled_from(["unit", "boot", "text", "identifier", "since", "until"]), st.text(max_size=30)
    )
)
def test_no_value_becomes_an_option_of_its_own(values):
    try:
        arguments = journal.parse_query(values).arguments()
    except InvalidInput:
        return
    assert all(argument.startswith("--") and "\0" not in argument for argument in arguments)
    assert all(
        argument.partition("=")[0]
        in {
            "--unit",
            "--boot",
            "--identifier",
            "--priority",
            "--since",
            "--until",
            "--grep",
            "--case-sensitive",
        }
        for argument in arguments
    )


def test_a_grant_for_a_units_log_reads_that_log_alone():
    host = Host(name="web-1")
    rights = Rights("", (Grant("journal.view", "web-*", "nginx*"),))
    assert journal.may_read(rights, host, Query(units=("nginx.service",)))
    assert not journal.may_read(rights, host, Query(units=("nginx.service", "ssh.service")))
    assert not journal.may_read(rights, host, Query())
    assert journal.may_read(Rights("admin"), host, Query())


def test_a_process_cannot_claim_to_log_for_another_unit():
    assert (
        journal.unit_of({"UNIT": "nginx.service", "_PID": "1", "_SYSTEMD_UNIT": "init.scope"})
        == "nginx.service"
    )
    assert (
        journal.unit_of({"UNIT": "nginx.service", "_PID": "77", "_SYSTEMD_UNIT": "bad.service"})
        == "bad.service"
    )


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
async def test_a_grant_for_one_units_log_opens_that_log_and_no_other(web1):
    ada = await User.objects.acreate(username="ada")
    await ada.grants.acreate(capability="journal.view", hosts="*", names="ssh*")
    client = AsyncClient()
    await client.aforce_login(ada)
    async with watching(web1) as host:
        base = f"/host/{host.name}/journal/"
        assert (await client.get(f"{base}?unit=ssh.service")).status_code == 200
        read = await client.get(f"{base}entries/?unit=ssh.service")
        assert read.json()["entries"]
        cursor = read.json()["entries"][0][0]
        assert (await client.get(f"{base}entry/", {"cursor": cursor})).status_code == 200
        assert (await client.get(f"{base}?unit=dbus.service")).status_code == 404
        assert (await client.get(f"{base}entries/")).status_code == 403
        chosen = await client.get(base)
        assert chosen.status_code == 403
        assert "logs of single units" in chosen.content.decode()
