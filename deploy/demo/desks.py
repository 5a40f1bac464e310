"""The inspection service's desks as the sample's people find them: real ones, whose draws come from a fixed seed."""

from datetime import timedelta

import asyncpg

from deploy.demo.county import SEED
from inspection_service.cases.desk import CaseDesk
from inspection_service.evidence.desk import EvidenceDesk
from inspection_service.file_review.desk import FileReviewDesk
from inspection_service.inspections.checklists import checklists
from inspection_service.inspections.office import Office
from inspection_service.inspections.plans.desk import PlanDesk
from inspection_service.inspections.visits.desk import VisitDesk
from inspection_service.inspections.visits.proof import ProofDesk
from inspection_service.law.catalogue import catalogue
from inspection_service.monitoring.desk import RegisterDesk
from inspection_service.printing.press import Press
from inspection_service.public_reports.desk import ReportDesk
from inspection_service.publication.desk import PublicationDesk
from inspection_service.tasks.counter import Counter
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.intake import Intake
from youguan.clock import Clock, county_day
from youguan.documents import Shelf
from youguan.settings import Settings

REPORTS_KEPT = timedelta(days=180)


class Desks:
    """All of them on one pool."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, settings: Settings) -> None:
        items, press, tasks = catalogue(), Press(), TaskDesk(clock, timedelta(seconds=settings.holding_time_s))
        self.pool = pool
        self.clock = clock
        self.today = county_day(clock.now())
        self.intake = Intake(pool, tasks).consumer()
        self.counter = Counter(pool, tasks)
        self.reports = ReportDesk(pool, tasks, REPORTS_KEPT)
        office = Office(pool, clock, checklists(), items)
        self.plans = PlanDesk(office, seed=lambda: f"sample-{SEED}")
        self.visits = VisitDesk(office, press, tasks)
        self.cases = CaseDesk(pool, clock, items, press)
        self.evidence = EvidenceDesk(pool, clock, Shelf(settings, "inspection"), settings.evidence_private_key)
        self.proof = ProofDesk(self.visits, self.evidence)
        self.register = RegisterDesk(pool, clock)
        self.publications = PublicationDesk(pool, clock, items)
        self.file_reviews = FileReviewDesk(pool, clock)
