"""`python -m ocpp_gateway worker --slot K --listen-fd FD`: a worker; without arguments the whole service in one process."""

import argparse
import asyncio
import logging
import socket
import sys

import uvloop

from ocpp_gateway import worker
from ocpp_gateway.service import compose
from youguan.lifeline import end_with_supervisor, told_to_stop
from youguan.settings import Settings
from youguan.web.serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocpp_gateway")
    parser.add_argument("role", choices=["worker", "all"], nargs="?", default="all")
    parser.add_argument("--slot", type=int, default=0)
    parser.add_argument("--listen-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    end_with_supervisor()
    settings = Settings()
    listening = listening_socket(settings, arguments.listen_fd)
    if arguments.role == "worker":
        uvloop.run(_work(settings, arguments.slot, listening))
    else:
        uvloop.run(_everything(settings, arguments.slot, listening))


def listening_socket(settings: Settings, descriptor: int | None) -> socket.socket:
    """Return the inherited listening socket, or bind one of our own."""
    if descriptor is not None:
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        return inherited
    own = socket.create_server((settings.ocpp_host, settings.ocpp_port), backlog=4096)
    own.setblocking(False)
    return own


async def _work(settings: Settings, slot: int, listening: socket.socket) -> None:
    await worker.run(settings, slot, listening, told_to_stop())


async def _everything(settings: Settings, slot: int, listening: socket.socket) -> None:
    stop = told_to_stop()
    async with asyncio.TaskGroup() as both:
        both.create_task(worker.run(settings, slot, listening, stop))
        both.create_task(serve([compose], settings, stop=stop))


if __name__ == "__main__":
    main()
