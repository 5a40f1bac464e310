"""The FTP door in a process of its own: `python -m ocpp_gateway ftp --listen-fd=N`."""

import asyncio
import logging
import socket
from contextlib import suppress

from ocpp_gateway.commands.desk import Desk
from ocpp_gateway.connections.tls import Files, Tls
from ocpp_gateway.files.depot import Depot
from ocpp_gateway.files.ftp.door import FtpDoor, Reach
from youguan.clock import Clock, SystemClock
from youguan.database import create_pool
from youguan.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 8.0


async def run(settings: Settings, listening: socket.socket, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Serve stations until told to stop; what is on its way then has some seconds to arrive."""
    clock = clock or SystemClock()
    tls = Tls(Files(settings.ocpp_tls_certificates, None, None), _ignore) if settings.ocpp_tls_certificates else None
    async with await create_pool(settings.dsn_for("gateway"), min_size=0, max_size=8, patience_s=3600) as pool:
        depot = Depot(pool, Desk(pool, clock), clock, settings)
        reach = Reach(settings.ftp_data_ports, str(settings.ftp_address) if settings.ftp_address else None)
        door = FtpDoor(depot, clock, reach, (lambda: tls.context) if tls is not None else None)
        await door.listen(listening)
        log.info("the FTP door is open on %s%s", listening.getsockname(), ", TLS where it is asked for" if tls else "")
        watching = asyncio.create_task(tls.watch()) if tls is not None else None
        await stop.wait()
        await door.end(DRAIN_S)
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _ignore(_: frozenset[int]) -> None:
    """No client shows a certificate here."""
