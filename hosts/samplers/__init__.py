"""Samples of a host: psutil for this machine, the text of /proc over one channel for a remote one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from hosts.transport.base import Transport

from .local import LocalSource
from .pace import Pace
from .remote import RemoteSource
from .sample import BlockDevice, Cpu, Filesystem, Interface, Memory, Pressure, Sample
from .sampler import Sampler

__all__ = [
    "BlockDevice",
    "Cpu",
    "Filesystem",
    "Interface",
    "Memory",
    "Pace",
    "Pressure",
    "Sample",
    "samples",
]


async def samples(transport: Transport, pace: Pace | float) -> AsyncGenerator[Sample, None]:
    """A host's samples without end, the first after 0.3 s; `pace` says how many seconds apart.

    Close the iterator (contextlib.aclosing) to end the host's part. Raises the transport's errors, AnswerTimedOut,
    and Failed when the host's /proc makes no sense.
    """
    source = LocalSource() if transport.target.kind == "local" else await RemoteSource.open(transport)
    sampler = Sampler(source, pace if isinstance(pace, Pace) else Pace(pace))
    try:
        async with aclosing(sampler.samples()) as stream:
            async for sample in stream:
                yield sample
    finally:
        if isinstance(source, RemoteSource):
            await source.close()
