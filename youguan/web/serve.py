"""Run services in one process: their pages and APIs on one port, their jobs and consumers beside them."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

import uvicorn

from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.parts import Compose, Job, Parts
from youguan.settings import Settings
from youguan.web.application import application, keep_running


async def serve(
    composes: Sequence[Compose], settings: Settings, *, listening: socket.socket | None = None, with_jobs: bool = True
) -> None:
    """Serve until SIGTERM."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        pool = await stack.enter_async_context(await create_pool(settings.dsn_for("registry"), max_size=3))
        parts = [await stack.enter_async_context(compose(settings, clock)) for compose in composes]
        running = start_jobs(parts) if with_jobs else []
        config = uvicorn.Config(
            application(parts, settings, pool), host=settings.http_host, port=settings.http_port, lifespan="on",
            access_log=False, log_level="warning", timeout_graceful_shutdown=3, ws="none", server_header=False,
            proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=settings.trusted_proxies,
        )  # fmt: skip
        await uvicorn.Server(config).serve([listening] if listening else None)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def start_jobs(parts: Sequence[Parts]) -> list[asyncio.Task[None]]:
    """Start what must run in exactly one process."""
    jobs = [job for part in parts for job in part.jobs]
    jobs += [Job(consumer.name, consumer.run) for part in parts for consumer in part.consumers]
    return [asyncio.create_task(keep_running(job), name=job.name) for job in jobs]
