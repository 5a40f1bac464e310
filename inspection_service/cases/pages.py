"""The pages of cases: the list, a new one, one case with what may be done now and why not the rest, its documents, the officers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from inspection_service.cases import store
from inspection_service.cases.api import find_document, give_print, require_case
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.documents import TOLD_TO_PARTY
from inspection_service.cases.file import Case
from inspection_service.cases.forms import date_in, identity_in, said_in, text_in, ticked_in, whole_in
from inspection_service.cases.machine import ENDED, Command, State
from inspection_service.cases.offers import first_days
from inspection_service.cases.opening import Opening, found_day, noon
from inspection_service.cases.owing import owed_fen, refund_fen
from inspection_service.cases.particulars import particulars
from inspection_service.cases.persons import Officer
from inspection_service.cases.words import GROUPS, PARTICULARS, WAITING, WORDS
from inspection_service.evidence import reviewing
from inspection_service.evidence import store as evidence_store
from inspection_service.evidence.deeds import Deed, may
from inspection_service.evidence.desk import EvidenceDesk, officers_of
from inspection_service.inspections.visits import store as visit_store
from inspection_service.law.catalogue import PENALTY
from inspection_service.law.evidence import recordings
from inspection_service.monitoring import store as register
from inspection_service.papers import store as paper_store
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, REVIEWER, Principal
from youguan.errors import Invalid, NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates

PAGE = 50


def case_pages(desk: CaseDesk, evidence: EvidenceDesk, templates: Templates) -> APIRouter:
    """Return /cases."""
    router = Router(prefix="/cases")
    _add_list(router, desk, templates)
    _add_new(router, desk, templates)
    _add_officers(router, desk, templates)
    _add_case(router, desk, evidence, templates)
    return router


def _add_list(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    @router.get("")
    async def cases(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        group: str = "",
        q: str = "",
        overdue: bool = False,
        mine: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        turn = desk.waits(who)
        known = {name: GROUPS[name] for name in GROUPS if name != WAITING or turn is not None}
        group = group if group in known else next(iter(known)) if who.has(REVIEWER) else "open"
        async with desk.pool.acquire() as connection:
            rows = await store.list_cases(
                connection, states=GROUPS[group][1], words=q or None, item=None,
                overdue_on=desk.today() if overdue else None, mine=who.subject if mine else None,
                before=(key[0], key[1]) if key else None, limit=PAGE, scope=who.scope,
                waits=turn if group == WAITING else None,
            )  # fmt: skip
        return templates.render(
            request, "cases.html", rows=rows, next=next_cursor(rows, PAGE, "opened_at", "id"), group=group, q=q, cursor=cursor,
            overdue=overdue, mine=mine, today=desk.today(), items=desk.catalogue.items, **{**WORDS, "groups": known},
        )  # fmt: skip


def _add_new(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    inspector = require(INSPECTOR)

    async def form(
        request: Request, who: Principal, given: Mapping[str, Any], error: YouguanError | None = None
    ) -> Response:
        act_on = date_in(given.get("act_on")) or desk.today()
        async with desk.pool.acquire() as connection:
            known = await store.officers(connection)
            site = given.get("site_id") or None
            parties = await store.parties_at(connection, site, noon(act_on)) if site else []
            origin = (given.get("visit_id") or None, given.get("task_id") or None)
            found = date_in(given.get("found_on")) or await found_day(connection, *origin, act_on, desk.today())
        others = [officer for officer in known if officer.subject != who.subject and officer.may_act(desk.today())]
        return templates.render(
            request, "case_new.html", status_code=error.status if error else 200, given=given, act_on=act_on, found_on=found,
            officers=others, known=any(o.subject == who.subject for o in known), site_parties=parties, today=desk.today(),
            items=list(desk.catalogue.items.values()), chosen=_addressee(given, parties, desk),
            error=error, **WORDS,
        )  # fmt: skip

    @router.get("/new")
    async def new(request: Request, who: Annotated[Principal, Depends(inspector)]) -> Response:
        return await form(request, who, request.query_params)

    @router.post("/new")
    async def open_case(request: Request, who: Annotated[Principal, Depends(inspector)]) -> Response:
        given = await request.form()
        try:
            case_id = await desk.open(who, await opening_in(given, desk))
        except YouguanError as error:
            return await form(request, who, given, error)
        return RedirectResponse(f"/cases/{case_id}", 303)


def _addressee(given: Mapping[str, Any], parties: Sequence[asyncpg.Record], desk: CaseDesk) -> str | None:
    """Return whom a form chooses: who was chosen already, else who had the role that the item is addressed to."""
    if any(row["organisation_id"] == given.get("party_id") for row in parties):
        return str(given["party_id"])
    item = desk.catalogue.items.get(str(given.get("item_id")))
    wanted = item.party if item else "manager"
    return next((row["organisation_id"] for row in parties if row["role"] == wanted), None)


async def opening_in(given: FormData, desk: CaseDesk) -> Opening:
    """Return what a form opens a case with: an organisation by its id where one was chosen of the site's, else whom it names, as
    a citizen always.

    Invalid where the site or the day is another one meanwhile, and who was chosen had no role there.
    """
    kind = "citizen" if text_in(given, "party_kind") == "citizen" else "organisation"
    # The list of organisations chooses one by itself, whatever is said of the party's kind.
    party_id = (text_in(given, "party_id") or None) if kind == "organisation" else None
    name = text_in(given, "party_name")
    site, act_on = text_in(given, "site_id") or None, date_in(given.get("act_on")) or desk.today()
    if party_id is not None:
        async with desk.pool.acquire() as connection:
            found = await store.parties_at(connection, site, noon(act_on)) if site else []
        if party_id not in [row["organisation_id"] for row in found]:
            raise Invalid.about("party_id", "had no role at this site on that day: choose again")
    named = particulars(kind, *(text_in(given, name)[:200] for name in PARTICULARS))
    return Opening(
        item_id=text_in(given, "item_id"), party_kind=kind, particulars=named, party_name=name, act_on=act_on,
        second_officer=text_in(given, "second_officer"), reason=text_in(given, "reason"),
        party_id=party_id, identity=identity_in(given, desk.identities), site_id=site,
        station_id=text_in(given, "station_id") or None,
        task_id=text_in(given, "task_id") or None, visit_id=text_in(given, "visit_id") or None,
        found_on=date_in(given.get("found_on")), business_since=date_in(given.get("business_since")),
        serious=ticked_in(given, "serious"),
        referred_by=text_in(given, "referred_by")[:200], referral_number=text_in(given, "referral_number")[:200],
    )  # fmt: skip


def _add_officers(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    async def page(request: Request, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            known = await store.officers(connection)
        return templates.render(
            request, "officers.html", status_code=error.status if error else 200, officers=known, today=desk.today(),
            error=error,
        )  # fmt: skip

    @router.get("/officers")
    async def officers(request: Request, _: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        return await page(request)

    @router.post("/officers")
    async def register(
        request: Request,
        who: Annotated[Principal, Depends(require(REGULATOR))],
        subject: Annotated[str, Form(min_length=1, max_length=100)],
        name: Annotated[str, Form(min_length=1, max_length=100)],
        certificate: Annotated[str, Form(min_length=1, max_length=50)],
        valid_until: Annotated[date, Form()],
    ) -> Response:
        try:
            await desk.register(who, Officer(subject.strip(), name.strip(), certificate.strip(), valid_until))
        except YouguanError as error:
            return await page(request, error)
        return RedirectResponse("/cases/officers", 303)


def _add_case(router: APIRouter, desk: CaseDesk, evidence: EvidenceDesk, templates: Templates) -> None:
    async def show(request: Request, who: Principal, case_id: str, error: YouguanError | None = None) -> Response:
        official = who.has(*OFFICIALS)
        async with desk.pool.acquire() as connection:
            row = await desk.see(connection, who, case_id)
            case = await desk.case(connection, row)
            offers = await desk.offers(connection, who, row, case)
            history = await store.history(connection, case_id)
            issued = await store.documents(connection, case_id)
            links = await evidence_store.links(connection, case_id) if official else []
            papers = await paper_store.papers(connection, case_id)
            collects = who.has(INSPECTOR) and who.subject in case.facts.officers
            registered = {piece.place for piece in case.pieces if piece.registered}
            reviews_recordings = may(Deed.REVIEW, await evidence.standing(connection, row), who)
            equipment = await register.near(connection, row["site_id"]) if official and collects else []
            records = await visit_store.proving(connection, case_id) if official and collects else []
            known = {officer.subject: officer for officer in await store.officers(connection)}
        stands = {link.record["place"]: officers_of(links, link.record["place"]) for link in links}
        to_confirm = {n for n, by in stands.items() if who.subject not in by | reviewing.reviewers(links, n)}
        return templates.render(
            request, "case.html", status_code=error.status if error else 200, row=row, case=case,
            open_offers=[o for o in offers if not o.against], shut_offers=[o for o in offers if o.against],
            history=[line for line in history if official or line["actor"] == who.subject], today=desk.today(),
            issued=[document for document in issued if official or document["kind"] in TOLD_TO_PARTY], official=official,
            papers=papers, records=records, equipment=equipment, registered=registered,
            untold={piece.place for piece in case.pieces} - {piece.place for piece in case.relied_on},
            reviews=reviewing.reviews(links), recordings=recordings(case.pieces),
            to_confirm=to_confirm if collects else (),
            to_review=reviewing.open_to(links, who.subject, who.level or 0) if reviews_recordings else (),
            brings=who.organisation_id is not None and who.organisation_id == row["party_id"],
            takes=State(row["state"]) not in ENDED,
            chain=links, times=[datetime.fromisoformat(link.record["collected_at"]) for link in links], stands=stands,
            known=known, owed=max(owed_fen(case, desk.today()), 0), refund=refund_fen(case, desk.today()), together=_together(case),
            alone=_alone(case), first_days=first_days(case, desk.today()), error=error,
            collects=collects, **WORDS,
        )  # fmt: skip

    near = require_case(desk)

    @router.get("/{case_id}")
    async def one(request: Request, case_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await show(request, who, case_id)

    @router.get("/{case_id}/documents/{place}")
    async def document(
        request: Request, case_id: str, place: int, who: Annotated[Principal, Depends(near)]
    ) -> Response:
        found = await find_document(desk, who, case_id, place)
        return templates.render(request, "case_document.html", document=found, case_id=case_id)

    @router.get("/{case_id}/documents/{place}/pdf")
    async def pdf(case_id: str, place: int, who: Annotated[Principal, Depends(near)]) -> Response:
        return await give_print(desk, who, case_id, place)

    @router.post("/{case_id}/commands/{command}")
    async def do(
        request: Request, case_id: str, command: Command, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        given = await request.form()
        try:
            await desk.do(who, case_id, command, said_in(given, desk.identities), whole_in(given.get("seen")))
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, case_id, error)
        return RedirectResponse(f"/cases/{case_id}", 303)


def _alone(case: Case) -> set[str]:
    """Return which kinds of sanctions our organ may impose in a case by themselves."""
    return {s.kind for m in case.item.own(PENALTY) for s in m.sanctions if s.meets(case.party_kind) and not s.beside}


def _together(case: Case) -> set[str]:
    """Return which kinds of sanctions our organ may impose beside another in a case."""
    return {kind for m in case.item.own(PENALTY) for group in m.together for kind in group}
