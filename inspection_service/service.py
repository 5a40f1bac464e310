"""The inspection service, composed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from inspection_service import officials, organisations
from inspection_service.annual_report.api import add_annual_report
from inspection_service.annual_report.desk import AnnualDesk
from inspection_service.annual_report.pages import annual_report_pages
from inspection_service.cases.api import add_cases
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.heads import handed_over
from inspection_service.cases.pages import case_pages
from inspection_service.cases.watch import CaseWatch
from inspection_service.command_centre.api import add_command_centre
from inspection_service.command_centre.pages import command_centre_pages
from inspection_service.evidence.api import add_evidence
from inspection_service.evidence.desk import EvidenceDesk
from inspection_service.evidence.pages import evidence_pages
from inspection_service.exchange.api import add_exchange
from inspection_service.exchange.desk import ExchangeDesk
from inspection_service.exchange.pages import exchange_pages
from inspection_service.exchange.record import columns
from inspection_service.file_review.api import add_file_reviews
from inspection_service.file_review.desk import FileReviewDesk
from inspection_service.file_review.pages import file_review_pages
from inspection_service.file_review.scoring import table
from inspection_service.inspections.checklists import checklists
from inspection_service.inspections.interests.api import add_interests
from inspection_service.inspections.interests.desk import InterestDesk
from inspection_service.inspections.interests.pages import interest_pages
from inspection_service.inspections.office import Office
from inspection_service.inspections.plans.api import add_plans
from inspection_service.inspections.plans.desk import PlanDesk
from inspection_service.inspections.plans.pages import plan_pages
from inspection_service.inspections.visits.api import add_visits
from inspection_service.inspections.visits.desk import VisitDesk
from inspection_service.inspections.visits.pages import visit_pages
from inspection_service.inspections.visits.proof import ProofDesk
from inspection_service.inspections.visits.remote import RemoteDesk
from inspection_service.law.api import add_law
from inspection_service.law.catalogue import catalogue
from inspection_service.law.mercy import terms
from inspection_service.law.pages import law_pages
from inspection_service.law.periods import periods
from inspection_service.monitoring.api import add_monitoring
from inspection_service.monitoring.desk import RegisterDesk
from inspection_service.monitoring.pages import monitoring_pages
from inspection_service.notices.api import add_notices
from inspection_service.notices.channels import Post
from inspection_service.notices.desk import NoticeDesk
from inspection_service.notices.pages import notice_pages
from inspection_service.papers.api import add_papers
from inspection_service.papers.desk import PaperDesk
from inspection_service.papers.pages import paper_pages
from inspection_service.printing.press import Press
from inspection_service.public_reports.api import add_reports
from inspection_service.public_reports.desk import ReportDesk
from inspection_service.public_reports.pages import report_pages
from inspection_service.publication.api import add_publication
from inspection_service.publication.desk import PublicationDesk
from inspection_service.publication.pages import publication_pages
from inspection_service.publication.rules import rules
from inspection_service.publicity.pages import publicity_pages
from inspection_service.tasks.api import add_tasks
from inspection_service.tasks.counter import Counter
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.intake import Intake
from inspection_service.tasks.pages import task_pages
from inspection_service.tasks.watch import TaskWatch
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.documents import Shelf
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web.application import api
from youguan.web.templates import Templates

DOCUMENTS = (
    "/api/inspection/cases/",
    "/cases/",
    "/api/inspection/tasks/",
    "/tasks/",
    "/api/inspection/reports",
    "/reports/new",
    "/api/inspection/visits/",
    "/inspections/visits/",
)


@asynccontextmanager
async def compose(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """Put the service together."""
    async with await create_pool(settings.dsn_for("inspection")) as pool:
        desk, shelf = TaskDesk(clock, timedelta(seconds=settings.holding_time_s)), Shelf(settings, "inspection")
        counter = Counter(pool, desk)
        reports = ReportDesk(pool, desk, timedelta(days=settings.public_report_retention_days))
        templates = Templates(Path(__file__).parent / "templates")
        app = api("Youguan inspection")
        add_tasks(app, counter, shelf)
        add_reports(app, reports, counter)
        add_command_centre(app, counter)
        items, statutory = catalogue(), periods()  # a law that contradicts itself stops the service here
        add_law(app, items, statutory, clock)
        press = Press()
        cases = CaseDesk(pool, clock, items, press, settings.party_secret)
        office = Office(pool, clock, checklists(), items)
        plans, visits, interests = PlanDesk(office), VisitDesk(office, press, desk), InterestDesk(office)
        evidence = EvidenceDesk(pool, clock, shelf, settings.evidence_private_key)
        add_cases(app, cases)
        add_evidence(app, evidence, cases, clock)
        register = RegisterDesk(pool, clock)
        add_monitoring(app, register)
        papers = PaperDesk(cases, evidence, clock)
        add_papers(app, papers, shelf)
        remote, proof = RemoteDesk(visits, clock), ProofDesk(visits, evidence)
        add_plans(app, plans)
        add_visits(app, visits, remote, proof, shelf, settings.inner_url)
        add_interests(app, interests)
        annual = AnnualDesk(pool, clock, items.own.name)
        add_annual_report(app, annual, press, settings.inner_url)
        publication = PublicationDesk(pool, clock, items)
        add_publication(app, publication, settings.public_url)
        rules(), handed_over(), terms()  # as with the law, what contradicts itself stops the service here
        columns()
        exchange = ExchangeDesk(cases, clock)
        add_exchange(app, exchange)
        table()
        file_reviews = FileReviewDesk(pool, clock)
        add_file_reviews(app, file_reviews, settings.inner_url)
        post = Post(tuple(settings.notice_origins), settings.smtp_url, settings.smtp_sender)
        notices = NoticeDesk(pool, clock, post, settings.inner_url)
        add_notices(app, notices)
        yield Parts(
            name="inspection",
            apis={"/api/inspection": app},
            pages=[
                task_pages(counter, shelf, templates),
                report_pages(reports, counter, templates),
                command_centre_pages(counter, templates),
                law_pages(items, statutory, templates, clock),
                case_pages(cases, evidence, templates),
                evidence_pages(evidence, cases, templates, clock),
                monitoring_pages(register, templates),
                paper_pages(papers, shelf),
                plan_pages(plans, templates),
                visit_pages(visits, remote, proof, shelf, templates, clock, settings.inner_url),
                interest_pages(interests, templates),
                annual_report_pages(annual, press, templates, settings.inner_url),
                publication_pages(publication, templates),
                publicity_pages(pool, clock, templates),
                exchange_pages(exchange, templates),
                file_review_pages(file_reviews, items, templates, settings.inner_url),
                notice_pages(notices, templates),
            ],
            jobs=[
                Job("inspection.notices", notices.run),
                Job("inspection.task_watch", TaskWatch(pool, desk).run),
                Job("inspection.case_watch", CaseWatch(cases, clock).run),
                Job("inspection.file_review_watch", file_reviews.watch),
                Job("inspection.report_retention", reports.watch_retention),
                Job("inspection.evidence_roots", evidence.watch_roots),
            ],
            watchers=[Job("inspection.shelf", lambda: shelf.tidy(pool))],
            documents=DOCUMENTS,
            consumers=[
                Intake(pool, desk).consumer(),
                officials.consumer(pool),
                organisations.consumer(pool),
                publication.consumer(),
                notices.consumer(),
            ],
        )
