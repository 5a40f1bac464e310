"""`python -m ocpp_gateway worker --slot K --listen-fd FD`: a worker; `bridge --slot K`: a bridge to the MQTT broker;
`ykc --slot K --listen-fd FD`: the door of chargers that speak 云快充; `relay --slot K`: what stores what workers passed on.

Without arguments the whole service in one process, without a bridge.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys

import uvloop

from ocpp_gateway import worker
from ocpp_gateway.mqtt import process
from ocpp_gateway.mqtt.process import FIRST_SLOT
from ocpp_gateway.relay import process as relay
from ocpp_gateway.service import compose
from ocpp_gateway.ykc import process as ykc
from youguan.lifeline import end_with_supervisor, told_to_stop
from youguan.settings import Settings
from youguan.web.serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocpp_gateway")
    parser.add_argument("role", choices=["worker", "bridge", "ykc", "relay", "all"], nargs="?", default="all")
    parser.add_argument("--slot", type=int, default=0)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--listen-tls-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    end_with_supervisor()
    settings = Settings()
    if arguments.role == "bridge":
        uvloop.run(_bridge(settings, arguments.slot or FIRST_SLOT))
        return
    if arguments.role == "ykc":
        door = listening_socket(settings.ocpp_host, settings.ykc_port or 0, arguments.listen_fd)
        uvloop.run(_ykc(settings, arguments.slot or ykc.FIRST_SLOT, door))
        return
    if arguments.role == "relay":
        os.nice(relay.NICENESS)
        uvloop.run(_relay(settings, arguments.slot or relay.FIRST_SLOT))
        return
    listening = listening_socket(settings.ocpp_host, settings.ocpp_port, arguments.listen_fd)
    secure = None
    if settings.ocpp_tls_port is not None and settings.ocpp_tls_certificates:
        secure = listening_socket(settings.ocpp_host, settings.ocpp_tls_port, arguments.listen_tls_fd)
    run = _work if arguments.role == "worker" else _everything
    uvloop.run(run(settings, arguments.slot, listening, secure))


def listening_socket(host: str, port: int, descriptor: int | None) -> socket.socket:
    """Return the inherited listening socket, or bind one of our own."""
    if descriptor is not None:
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        return inherited
    own = socket.create_server((host, port), backlog=4096)
    own.setblocking(False)
    return own


async def _work(settings: Settings, slot: int, listening: socket.socket, secure: socket.socket | None) -> None:
    await worker.run(settings, slot, listening, told_to_stop(), secure)


async def _bridge(settings: Settings, slot: int) -> None:
    await process.run(settings, slot, told_to_stop())


async def _ykc(settings: Settings, slot: int, listening: socket.socket) -> None:
    await ykc.run(settings, slot, listening, told_to_stop())


async def _relay(settings: Settings, slot: int) -> None:
    await relay.run(settings, slot, told_to_stop())


async def _everything(settings: Settings, slot: int, listening: socket.socket, secure: socket.socket | None) -> None:
    stop = told_to_stop()
    async with asyncio.TaskGroup() as all_of_it:
        all_of_it.create_task(worker.run(settings, slot, listening, stop, secure))
        all_of_it.create_task(serve([compose], settings, stop=stop))
        all_of_it.create_task(relay.run(settings, relay.FIRST_SLOT, stop))


if __name__ == "__main__":
    main()
