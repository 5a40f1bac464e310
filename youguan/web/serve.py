"""Run services in one process: their pages and APIs on one port, their jobs and consumers beside them."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

import uvicorn

from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.lifeline import told_to_stop, unless
from youguan.parts import Compose, Job, Parts
from youguan.settings import Settings
from youguan.web.application import application, keep_running


class Server(uvicorn.Server):
    """One that leaves the signals to whoever runs it; uvicorn would end the process with the signal that it caught."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def end_with(self, stop: asyncio.Event) -> None:
        """Begin to shut down when told to stop."""
        await stop.wait()
        self.should_exit = True


async def serve(
    composes: Sequence[Compose],
    settings: Settings,
    *,
    listening: socket.socket | None = None,
    with_jobs: bool = True,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM, Ctrl-C or `stop`."""
    stop = stop or told_to_stop()
    pool = await unless(stop, create_pool(settings.dsn_for("registry"), max_size=3))
    if pool is None:
        return
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        await stack.enter_async_context(pool)
        parts = [await stack.enter_async_context(compose(settings, clock)) for compose in composes]
        running = start_jobs(parts) if with_jobs else []
        config = uvicorn.Config(
            application(parts, settings, pool), host=settings.http_host, port=settings.http_port, lifespan="on",
            access_log=False, log_level="warning", timeout_graceful_shutdown=3, ws="none", server_header=False,
            proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=settings.trusted_proxies,
        )  # fmt: skip
        server = Server(config)
        ending = asyncio.create_task(server.end_with(stop))
        await server.serve([listening] if listening else None)
        for task in [*running, ending]:
            task.cancel()
        await asyncio.gather(*running, ending, return_exceptions=True)


def start_jobs(parts: Sequence[Parts]) -> list[asyncio.Task[None]]:
    """Start what must run in exactly one process."""
    jobs = [job for part in parts for job in part.jobs]
    jobs += [Job(consumer.name, consumer.run) for part in parts for consumer in part.consumers]
    return [asyncio.create_task(keep_running(job), name=job.name) for job in jobs]
