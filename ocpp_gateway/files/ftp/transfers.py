"""A file on its way over a data connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aioftp

from ocpp_gateway.files.ftp.visit import GRACE_S, Visit
from youguan.disk import Interrupted
from youguan.errors import Conflict

BLOCK = 64 * 1024
DATA_WITHIN_S = 15.0
LAST_WITHIN_S = 120.0  # for what lies in our buffer when all is sent

Carry = Callable[[aioftp.ThrottleStreamIO], Awaitable[str]]
"""Carries a file over a data connection; returns what is said of it then."""


async def over(connection: aioftp.Connection, carry: Carry) -> str:
    """Carry a file over the data connection, when it comes, and close it."""
    try:
        async with asyncio.timeout(DATA_WITHIN_S):
            data: aioftp.ThrottleStreamIO = await asyncio.shield(connection.future.data_connection)
    except TimeoutError:
        raise Conflict("no data connection came") from None
    del connection.data_connection
    try:
        said = await carry(data)
    except BaseException:
        data.writer.transport.abort()  # closed, it would wait for ever for a client that does not read
        raise
    data.close()
    return said


async def chunks(visit: Visit, data: aioftp.ThrottleStreamIO) -> AsyncIterator[bytes]:
    """Yield what comes; Interrupted where the station is gone with its file.

    FTP ends a file by ending its connection, and so does a station that dies: then the other connection ends with it.
    """
    try:
        while chunk := await data.reader.read(BLOCK):
            yield chunk
    except OSError:
        raise Interrupted("the connection ended before the file did") from None
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await visit.gone.wait()
    if visit.gone.is_set():
        raise Interrupted("the station is gone: who knows whether this is all")
    visit.whole = True


async def send(path: Path, offset: int, data: aioftp.ThrottleStreamIO) -> None:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, offset)
        while chunk := await asyncio.to_thread(file.read, BLOCK):
            await data.write(chunk)
        data.close()
        async with asyncio.timeout(LAST_WITHIN_S):
            await data.writer.wait_closed()
    except OSError:
        raise Interrupted("the connection ended before the file did") from None
    finally:
        file.close()
