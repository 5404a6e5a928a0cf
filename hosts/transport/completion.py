"""From a streamed process to a finished one: the same for every transport."""

from __future__ import annotations

import asyncio

from console.errors import AnswerTimedOut, Failed
from hosts.transport.base import Completed, Process


async def complete(process: Process, stdin: bytes, timeout: float, limit: int) -> Completed:
    """Feed, read to the end, wait; the process is ended whatever happens. Raises AnswerTimedOut, Failed past `limit`."""
    feeding = asyncio.create_task(feed(process, stdin), name="feed stdin")
    try:
        async with asyncio.timeout(timeout):
            stdout = await read_all(process, limit)
            code = await process.wait()
            return Completed(code, stdout, await process.stderr())
    except TimeoutError as error:
        raise AnswerTimedOut(f"no answer within {timeout:g} s") from error
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await process.close()


async def feed(process: Process, stdin: bytes) -> None:
    for start in range(0, len(stdin), 65536):
        await process.write(stdin[start : start + 65536])
    await process.write_eof()


async def read_all(process: Process, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await process.read():
        size += len(chunk)
        if size > limit:
            raise Failed(f"the answer is longer than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
