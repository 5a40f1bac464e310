"""The inspection service, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from inspection_service.cases.api import add_cases
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.pages import case_pages
from inspection_service.evidence.api import add_evidence
from inspection_service.evidence.desk import EvidenceDesk
from inspection_service.evidence.pages import evidence_pages
from inspection_service.law.api import add_law
from inspection_service.law.catalogue import catalogue
from inspection_service.law.pages import law_pages
from inspection_service.law.periods import periods
from inspection_service.printing.press import Press
from inspection_service.tasks.api import Counter, add_tasks
from inspection_service.tasks.desk import Desk
from inspection_service.tasks.pages import task_pages
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.documents import Shelf
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.application import api
from youguan.web.templates import Templates


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("inspection")) as pool:
        desk = Desk(pool, clock, timedelta(seconds=settings.holding_time_s))
        counter = Counter(pool, desk, clock)
        templates = Templates(Path(__file__).parent / "templates")
        app = api("Youguan inspection")
        add_tasks(app, counter)
        items, statutory = catalogue(), periods()  # a law that contradicts itself stops the service here
        add_law(app, items, statutory, clock)
        cases, shelf = CaseDesk(pool, clock, items, Press()), Shelf(settings)
        evidence = EvidenceDesk(pool, clock, shelf, settings.evidence_private_key)
        add_cases(app, cases)
        add_evidence(app, evidence, cases, clock)
        yield Parts(
            name="inspection",
            apis={"/api/inspection": app},
            pages=[
                task_pages(counter, templates),
                law_pages(items, statutory, templates, clock),
                case_pages(cases, evidence, templates),
                evidence_pages(evidence, cases, templates, clock),
            ],
            jobs=[
                Job("inspection.verification_watch", desk.watch_verifications),
                Job("inspection.evidence_roots", evidence.watch_roots),
            ],
            watchers=[Job("inspection.shelf", shelf.tidy)],
            documents=("/api/inspection/cases/", "/cases/"),
            consumers=[desk.consumer()],
        )
