"""Facts and samples of a watched host."""

import pytest

from console.snapshots import snapshots
from hosts import inventory, sampling
from hosts.samplers import Pace
from tests.hosts.watching import until, watching

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


async def test_a_watched_host_is_known_and_sampled_faster_while_seen(web1):
    async with watching(web1) as host:
        facts = await until(lambda: inventory.facts_of(host.pk))
        assert (facts.os_id, facts.systemd) == ("debian", 257)
        sample = await until(lambda: sampling.newest(host.pk))
        assert sample.memory.total > 0
        assert sampling._paces[host.pk].interval == Pace.UNWATCHED
        with snapshots.subscribe([(host.pk, sampling.METRICS)]) as subscription:
            sampling.adjust(host.pk)
            for _ in range(3):
                await subscription.changes()
            assert len(sampling.history(host.pk)) >= 3
            assert sampling._paces[host.pk].interval == Pace.WATCHED
        await until(lambda: sampling._paces[host.pk].interval == Pace.UNWATCHED)
