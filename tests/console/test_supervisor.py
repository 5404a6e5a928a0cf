"""Loops are started again: at once after a good run, slower and slower while they fail."""

import asyncio
from itertools import pairwise

from console import supervisor as module
from console.supervisor import Supervisor


async def starts_of(monkeypatch, fails_after, longest, wanted):
    """The times between the starts of a loop that fails so many seconds after each."""
    supervisor, starts, loop = Supervisor(), [], asyncio.get_running_loop()
    enough = asyncio.Event()
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "STEADY", 0.1)

    async def work():
        starts.append(loop.time())
        if len(starts) == wanted:
            enough.set()
        await asyncio.sleep(fails_after)
        raise ValueError("lost")

    supervisor.keep("work", work, longest=longest)
    await asyncio.wait_for(enough.wait(), 10)
    await supervisor.stop()
    return [later - earlier - fails_after for earlier, later in pairwise(starts)]


async def test_pauses_double_up_to_the_longest(monkeypatch):
    pauses = await starts_of(monkeypatch, 0, longest=0.08, wanted=6)
    assert pauses[0] < 0.06
    assert pauses[-1] >= 0.04
    assert sum(pauses) < 2


async def test_a_good_run_forgets_earlier_failures(monkeypatch):
    pauses = await starts_of(monkeypatch, 0.12, longest=10, wanted=8)
    assert max(pauses) < 0.5
