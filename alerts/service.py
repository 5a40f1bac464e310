"""Alerts, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg

from alerts import store
from alerts.api import alerts_api, alerts_pages
from alerts.engine import Engine
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.parts import Job, Parts
from youguan.repeating import repeat_in_transaction
from youguan.settings import Settings
from youguan.web.templates import Templates

RETENTION_S = 3600.0


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("alerts")) as pool:
        engine = Engine(pool, clock)
        keep = timedelta(days=settings.alert_retention_days)
        yield Parts(
            name="alerts",
            apis={"/api/alerts": alerts_api(pool, clock)},
            pages=[alerts_pages(pool, Templates(Path(__file__).parent / "templates"))],
            jobs=[
                Job("alerts.pending_watch", engine.watch_pending),
                Job("alerts.retention", lambda: forget_old_alerts(pool, clock, keep)),
            ],
            consumers=[engine.consumer()],
        )


async def forget_old_alerts(pool: asyncpg.Pool, clock: Clock, keep: timedelta) -> None:
    """Forget alerts that were resolved long ago; the tasks that came of them stay on record."""
    await repeat_in_transaction(
        pool, lambda connection: store.forget_resolved(connection, clock.now() - keep), RETENTION_S
    )
