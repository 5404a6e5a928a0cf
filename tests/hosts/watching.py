"""Watch lab hosts as the server does: real pool, real topics, this test's own event loop."""

import asyncio
from contextlib import asynccontextmanager

from console.snapshots import snapshots
from console.supervisor import supervisor
from hosts import watch
from hosts.connections import connections
from hosts.models import Host
from hosts.transport.pool import Pool, opener


async def add_host(lab_host, *, name="", user="root", sudo=False):
    """The lab host as a row of the database, its key accepted."""
    target = lab_host.target(user=user, sudo=sudo)
    return await Host.objects.acreate(
        name=name or lab_host.name.rpartition("-")[2],
        address=target.address,
        port=target.port,
        user=user,
        sudo=sudo,
        host_key=target.host_key,
    )


@asynccontextmanager
async def watching(*lab_hosts):
    """Yields the Host rows; all topics run until the end."""
    connections.pool = Pool(opener(lab_hosts[0].key_path))
    rows = [await add_host(lab_host) for lab_host in lab_hosts]
    supervisor.keep("hosts", watch.keep_hosts)
    try:
        for row in rows:
            await until(lambda row=row: (link := watch.link_of(row.pk)) and link.state == "online")
        yield rows[0] if len(rows) == 1 else rows
    finally:
        await supervisor.stop()
        for row in rows:
            await connections.forget(row.pk)
            snapshots.drop(row.pk)
        await asyncio.sleep(0.05)  # what was closed is let go in the loop's next rounds


async def until(condition, seconds=60.0):
    """Wait until the condition holds; its value."""
    async with asyncio.timeout(seconds):
        while not (value := condition()):
            await asyncio.sleep(0.02)
    return value
