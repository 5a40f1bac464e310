"""Alerts, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alerts.api import alerts_api, alerts_pages
from alerts.engine import Engine
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.templates import Templates


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("alerts")) as pool:
        engine = Engine(pool, clock)
        yield Parts(
            name="alerts",
            apis={"/api/alerts": alerts_api(pool, clock)},
            pages=[alerts_pages(pool, Templates(Path(__file__).parent / "templates"))],
            jobs=[Job("alerts.pending_watch", engine.watch_pending)],
            consumers=[engine.consumer()],
        )
