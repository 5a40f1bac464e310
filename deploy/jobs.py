"""The process of one machine that runs every consumer and every job, each exactly once: `python -m deploy.jobs`."""

import asyncio
import logging
from contextlib import AsyncExitStack

import uvloop

from deploy.suite import COMPOSES
from youguan.clock import SystemClock
from youguan.lifeline import end_with_supervisor, told_to_stop
from youguan.settings import Settings
from youguan.web.serve import start_jobs


async def run() -> None:
    """Run until SIGTERM; what is under way is rolled back and done again by the next process."""
    stop = told_to_stop()
    async with AsyncExitStack() as stack:
        parts = [await stack.enter_async_context(compose(Settings(), SystemClock())) for compose in COMPOSES]
        running = start_jobs(parts)
        await stop.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    end_with_supervisor()
    uvloop.run(run())
