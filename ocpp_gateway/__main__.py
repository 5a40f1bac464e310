"""`python -m ocpp_gateway worker --slot K --listen-fd FD`: a worker; without arguments the whole service in one process."""

import argparse
import asyncio
import logging
import signal
import socket
import sys

import uvloop

from ocpp_gateway import worker
from youguan.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocpp_gateway")
    parser.add_argument("role", choices=["worker"])
    parser.add_argument("--slot", type=int, default=0)
    parser.add_argument("--listen-fd", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    settings = Settings()
    uvloop.run(_work(settings, arguments.slot, listening_socket(settings, arguments.listen_fd)))


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
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await worker.run(settings, slot, listening, stop)


if __name__ == "__main__":
    main()
