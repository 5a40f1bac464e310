"""The inspection service, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from inspection_service.api import Counter, inspection_api, inspection_pages
from inspection_service.desk import Desk
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.templates import Templates


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("inspection")) as pool:
        desk = Desk(pool, clock, timedelta(seconds=settings.holding_time_s))
        counter = Counter(pool, desk, clock)
        yield Parts(
            name="inspection",
            apis={"/api/inspection": inspection_api(counter)},
            pages=[inspection_pages(counter, Templates(Path(__file__).parent / "templates"))],
            jobs=[Job("inspection.verification_watch", desk.watch_verifications)],
            consumers=[desk.consumer()],
        )
