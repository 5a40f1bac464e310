"""The broker for machines without Mosquitto: `python -m deploy.amqtt_broker PORT`."""

import asyncio
import signal
import sys

from amqtt.broker import Broker

from youguan.lifeline import end_with_supervisor


async def run(port: int) -> None:
    """Serve on loopback until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    end_with_supervisor()
    asyncio.run(run(int(sys.argv[1])))
