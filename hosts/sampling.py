"""Samples every online host: the newest as a snapshot, the last five minutes as curves.

Topic "metrics" carries each Sample (every second while somebody subscribes to it, else every five), "beat" the same at
most every five seconds, for pages that show many hosts.
"""

from __future__ import annotations

from contextlib import aclosing

from console.errors import Disconnected
from console.snapshots import snapshots
from hosts.connections import Connection
from hosts.metrics import History
from hosts.samplers import Pace, Sample, samples
from hosts.watch import forgotten, topic

METRICS, BEAT = "metrics", "beat"
_histories: dict[int, History] = {}
_paces: dict[int, Pace] = {}


@topic(METRICS)
async def watch(connection: Connection) -> None:
    host_id = connection.host_id
    pace = _paces[host_id] = Pace()
    last_beat = 0.0
    adjust(host_id)
    async with aclosing(samples(connection.transport, pace)) as stream:
        async for sample in stream:
            adjust(host_id)
            _keep(host_id, sample)
            if sample.monotonic - last_beat >= Pace.UNWATCHED * 0.9:
                last_beat = sample.monotonic
                snapshots.put(host_id, BEAT, sample)
    raise Disconnected("The sampler ended.")


def adjust(host_id: int) -> None:
    """Sample at the pace that the present audience needs. Call it when a page begins to watch."""
    watched = snapshots.watched(host_id, METRICS)
    if host_id in _paces and _paces[host_id].interval != (
        wanted := Pace.WATCHED if watched else Pace.UNWATCHED
    ):
        _paces[host_id].interval = wanted


def _keep(host_id: int, sample: Sample) -> None:
    _histories.setdefault(host_id, History()).add(sample)
    snapshots.put(host_id, METRICS, sample)


def history(host_id: int) -> History:
    """The last five minutes; empty for a host that was not sampled yet."""
    return _histories.get(host_id) or History()


def newest(host_id: int) -> Sample | None:
    snapshot = snapshots.get(host_id, METRICS)
    return snapshot.value if snapshot else None


@forgotten
def forget(host_id: int) -> None:
    """The host was removed."""
    _histories.pop(host_id, None)
    _paces.pop(host_id, None)
