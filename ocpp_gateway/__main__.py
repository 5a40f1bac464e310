"""`python -m ocpp_gateway worker --slot K --listen-fd FD`: a worker; `bridge --slot K`: a bridge to the MQTT broker;
`ykc --slot K --listen-fd FD`: the door of chargers that speak 云快充; `ftp --listen-fd FD`: files of stations
that know only FTP; `relay --slot K`: what stores what workers passed on.

Without arguments the whole service in one process, without a bridge. A process loads only its own role: the pages and APIs
of the service are half of its modules, and a worker has no use for them.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys

import uvloop

from youguan.lifeline import end_with_supervisor, told_to_stop
from youguan.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocpp_gateway")
    parser.add_argument("role", choices=ROLES, nargs="?", default="all")
    parser.add_argument("--slot", type=int)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--listen-tls-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    end_with_supervisor()
    uvloop.run(ROLES[arguments.role](Settings(), arguments))


async def _work(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway import worker

    await worker.run(settings, arguments.slot or 0, *_doors(settings, arguments), told_to_stop())


async def _bridge(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway.mqtt import process

    await process.run(settings, arguments.slot or process.FIRST_SLOT, told_to_stop())


async def _ykc(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway.ykc import process

    door = listening_socket(settings.ocpp_host, settings.ykc_port or 0, arguments.listen_fd)
    await process.run(settings, arguments.slot or process.FIRST_SLOT, door, told_to_stop())


async def _ftp(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway.files.ftp import process

    door = listening_socket(settings.ocpp_host, settings.ftp_port or 0, arguments.listen_fd)
    await process.run(settings, door, told_to_stop())


async def _relay(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway.relay import process

    os.nice(process.NICENESS)
    await process.run(settings, arguments.slot or process.FIRST_SLOT, told_to_stop())


async def _everything(settings: Settings, arguments: argparse.Namespace) -> None:
    from ocpp_gateway import service, worker
    from ocpp_gateway.relay import process
    from youguan.web.serve import serve

    stop = told_to_stop()
    async with asyncio.TaskGroup() as all_of_it:
        all_of_it.create_task(worker.run(settings, arguments.slot or 0, *_doors(settings, arguments), stop))
        all_of_it.create_task(serve([service.compose], settings, stop=stop))
        all_of_it.create_task(process.run(settings, process.FIRST_SLOT, stop))


ROLES = {"worker": _work, "bridge": _bridge, "ykc": _ykc, "ftp": _ftp, "relay": _relay, "all": _everything}


def _doors(settings: Settings, arguments: argparse.Namespace) -> tuple[socket.socket, socket.socket | None]:
    """Return where stations come in, plain and over TLS."""
    listening = listening_socket(settings.ocpp_host, settings.ocpp_port, arguments.listen_fd)
    if settings.ocpp_tls_port is None or not settings.ocpp_tls_certificates:
        return listening, None
    return listening, listening_socket(settings.ocpp_host, settings.ocpp_tls_port, arguments.listen_tls_fd)


def listening_socket(host: str, port: int, descriptor: int | None) -> socket.socket:
    """Return the inherited listening socket, or bind one of our own."""
    if descriptor is not None:
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        return inherited
    own = socket.create_server((host, port), backlog=4096)
    own.setblocking(False)
    return own


if __name__ == "__main__":
    main()
