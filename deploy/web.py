"""The web process of one machine: the pages and APIs of all services on one port. `python -m deploy.web --listen-fd FD`."""

import argparse
import asyncio
import logging
import socket

import uvloop

from deploy.suite import COMPOSES
from youguan.lifeline import end_with_supervisor
from youguan.settings import Settings
from youguan.web.serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.web")
    parser.add_argument("--listen-fd", type=int)
    descriptor = parser.parse_args().listen_fd
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    end_with_supervisor()
    listening = socket.socket(fileno=descriptor) if descriptor is not None else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(COMPOSES, Settings(), listening=listening, with_jobs=False))


if __name__ == "__main__":
    main()
