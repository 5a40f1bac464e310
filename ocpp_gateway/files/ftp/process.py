"""The FTP door in a process of its own: `python -m ocpp_gateway ftp --listen-fd=N`."""

import asyncio
import logging
import socket

import asyncpg

from ocpp_gateway.commands.desk import Desk
from ocpp_gateway.connections.tls import Files, Tls
from ocpp_gateway.files.depot import Depot
from ocpp_gateway.files.ftp.door import FtpDoor, Reach
from ocpp_gateway.stations.attempts import Attempts
from youguan.clock import Clock, SystemClock
from youguan.database import AWAY, create_pool
from youguan.eventlog import publish
from youguan.repeating import repeat
from youguan.settings import Settings

log = logging.getLogger(__name__)

STREAM = "gateway/ftp"
TELL_S = 0.5
DRAIN_S = 8.0


async def run(settings: Settings, listening: socket.socket, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Serve stations until told to stop; what is on its way then has some seconds to arrive."""
    clock, attempts = clock or SystemClock(), Attempts()
    tls = Tls(Files(settings.ocpp_tls_certificates, None, None), _ignore) if settings.ocpp_tls_certificates else None
    async with await create_pool(settings.dsn_for("gateway"), min_size=0, max_size=8) as pool:
        depot = Depot(pool, Desk(pool, clock), clock, settings)
        reach = Reach(settings.ftp_data_ports, str(settings.ftp_address) if settings.ftp_address else None)
        door = FtpDoor(depot, clock, reach, (lambda: tls.context) if tls is not None else None, attempts)
        await door.listen(listening)
        log.info("the FTP door is open on %s%s", listening.getsockname(), ", TLS where it is asked for" if tls else "")
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(repeat(lambda: tell(pool, attempts, clock), TELL_S))]
            if tls is not None:
                beside.append(group.create_task(tls.watch()))
            await stop.wait()
            await door.end(DRAIN_S)
            for task in beside:
                task.cancel()


async def tell(pool: asyncpg.Pool, attempts: Attempts, clock: Clock) -> None:
    """Publish who keeps trying with wrong addresses, as with wrong passwords of stations; what cannot be told now is told later."""
    refused = attempts.to_tell(clock.now())
    if not refused:
        return
    try:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, STREAM, refused)
    except AWAY as error:
        log.warning("database away: %s", error)
        return
    attempts.told(refused)


def _ignore(_: frozenset[int]) -> None:
    """No client shows a certificate here."""
