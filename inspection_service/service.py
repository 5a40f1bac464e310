"""The inspection service, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from inspection_service.api import Counter, inspection_api, inspection_pages
from inspection_service.desk import Desk
from inspection_service.law.api import add_law
from inspection_service.law.catalogue import catalogue
from inspection_service.law.pages import law_pages
from inspection_service.law.periods import periods
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
        templates = Templates(Path(__file__).parent / "templates")
        app = inspection_api(counter)
        items, statutory = catalogue(), periods()  # a law that contradicts itself stops the service here
        add_law(app, items, statutory, clock)
        yield Parts(
            name="inspection",
            apis={"/api/inspection": app},
            pages=[inspection_pages(counter, templates), law_pages(items, statutory, templates, clock)],
            jobs=[Job("inspection.verification_watch", desk.watch_verifications)],
            consumers=[desk.consumer()],
        )
