"""The pages of filings: what an operator files and owes, what the authority has to decide and by when, and the indicators."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from charger_registry import store as registry
from charger_registry.divisions import store as divisions_store
from charger_registry.equipment.place_codes import USAGES, named
from charger_registry.filing import store
from charger_registry.filing.api import CURSOR, DOCUMENTS, INDICATORS, listed, receiving, reckon
from charger_registry.filing.content import COMMITMENT, CURRENT_TYPES, Content
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.machine import STANDING, UNDECIDED, Command, State
from charger_registry.filing.papers.desk import PaperDraft
from charger_registry.filing.step import Order
from charger_registry.filing.surroundings import store as surroundings
from charger_registry.filing.words import (
    ACTORS,
    EFFECTS,
    LABELS,
    RATINGS,
    SHARES,
    SINCE_FILED,
    STATES,
    STATION_LABELS,
    STEPS,
    SYSTEMS,
)
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import YouguanError
from youguan.web.documents import give
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.problems import checked
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_site
from youguan.web.templates import Templates
from youguan.working_days import working_days_between

PAGE, BLANK_ROWS = 50, 3
VIEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "decide": ("待审核", {"states": [State.SUBMITTED]}),
    "papers": ("补交材料待核", {"to_judge": True}),
    "supplement": ("待补正", {"states": [State.SUPPLEMENT_REQUIRED]}),
    "owing": ("承诺未兑现", {"owing": True}),
    "to_lapse": ("拟失效待决定", {"to_lapse": True}),
    "lapsed": ("备案失效", {"states": [State.LAPSED]}),
    "drafts": ("草稿", {"states": [State.DRAFT]}),
    "all": ("全部", {}),
}


def filing_pages(pool: asyncpg.Pool, desk: FilingDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/filings and what belongs to them."""
    router = Router(prefix="/registry")
    shown = Shown(pool, desk, templates, clock)
    _add_lists(router, shown)
    _add_retirement(router, shown)
    _add_filing(router, shown)
    _add_documents(router, shown)
    return router


class Shown:
    """The pages that are shown again when something is wrong."""

    def __init__(self, pool: asyncpg.Pool, desk: FilingDesk, templates: Templates, clock: Clock) -> None:
        self.pool = pool
        self.desk = desk
        self.templates = templates
        self.clock = clock

    async def filing(
        self, request: Request, who: Principal, filing_id: str, error: YouguanError | None = None
    ) -> Response:
        """Return the page of a filing."""
        view = await self.desk.view(who, filing_id)
        names = await self._names(view.content.parties().values())
        return self.templates.render(
            request, "filing.html", status_code=error.status if error else 200, view=view, names=names,
            error=error, due=self.due(view.filing), states=STATES, steps=STEPS, actors=ACTORS,
            labels=LABELS, station_labels=STATION_LABELS, ratings=RATINGS, systems=SYSTEMS, usages=USAGES, named=named,
            effects=SINCE_FILED if view.filing["state"] in STANDING else EFFECTS, today=county_day(self.clock.now()),
        )  # fmt: skip

    async def form(
        self, request: Request, who: Principal, filing_id: str, error: YouguanError | None = None
    ) -> Response:
        """Return the form of a filing, and what is missing in it."""
        view = await self.desk.view(who, filing_id)
        async with self.pool.acquire() as connection:
            divisions = await divisions_store.list_divisions(connection)
        names = await self._names(view.content.parties().values())
        wrong = {problem.field: problem.reason for problem in view.problems}
        return self.templates.render(
            request, "filing_form.html", status_code=error.status if error else 200, view=view,
            content=view.content, blanks=BLANK_ROWS, wrong=wrong, divisions=divisions, called=registry.called,
            fits=await self._fits(view.content, names), names=names,
            error=None if error is None or error.fields else error, labels=LABELS, station_labels=STATION_LABELS,
            systems=SYSTEMS, usages=USAGES, current_types=CURRENT_TYPES, commitment=COMMITMENT,
        )  # fmt: skip

    def due(self, filing: Mapping[str, Any]) -> int | None:
        """Return how many working days are left; negative: so many too late."""
        today = county_day(self.clock.now())
        return working_days_between(today, filing["due_on"]) if filing["due_on"] else None

    async def named(self, content: Content) -> Content:
        """Return a content with the organisations that its parties name; what names none, or several, stays as it was typed."""
        async with self.pool.acquire() as connection:
            found = await registry.organisations_called(connection, content.parties().values())
        return content.model_copy(update={role: found.get(text, text) for role, text in content.parties().items()})

    async def _fits(self, content: Content, names: Mapping[str, str]) -> dict[str, list[asyncpg.Record]]:
        """Return, by role of a party that is not recognised, the organisations that it may mean."""
        unknown = {role: text for role, text in content.parties().items() if text not in names}
        async with self.pool.acquire() as connection:
            return {
                role: await registry.organisations_to_choose(connection, text, self.clock.now())
                for role, text in unknown.items()
            }

    async def _names(self, ids: Collection[str]) -> dict[str, str]:
        async with self.pool.acquire() as connection:
            return await surroundings.organisation_names(connection, ids)


def _add_lists(router: APIRouter, shown: Shown) -> None:
    @router.get("/filings")
    async def filings(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        view: str = "",
        site: str = "",
        cursor: Cursor = None,
    ) -> Response:
        chosen = view if view in VIEWS else ("all" if site or not who.has(REGULATOR) else "decide")
        wanted = {"states": None, "owing": False, **VIEWS[chosen][1]}
        rows = await listed(shown.pool, who.scope, site=site or None, limit=PAGE, cursor=cursor, **wanted)
        async with shown.pool.acquire() as connection:
            counts = await store.counts(connection, who.scope, county_day(shown.clock.now()))
            unfiled = bool(site) and await store.has_no_file(connection, site, who.scope)
        return shown.templates.render(
            request, "filings.html", rows=rows, next=next_cursor(rows, PAGE, *CURSOR), view=chosen, views=VIEWS,
            site=site, counts=counts, states=STATES, due=shown.due, unfiled=unfiled,
        )  # fmt: skip

    @router.get("/filing-indicators")
    async def filing_indicators(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        since: Annotated[date | None, Query(alias="from")] = None,
        until: Annotated[date | None, Query(alias="to")] = None,
    ) -> Response:
        first, after, found = await reckon(shown.pool, who.scope, since, until, shown.clock.now())
        shares = [(SHARES[name], getattr(found, name)) for name in INDICATORS]
        return shown.templates.render(request, "filing_indicators.html", since=first, until=after, shares=shares)


def _add_retirement(router: APIRouter, shown: Shown) -> None:
    @router.post("/sites/{site_id}/retire")
    async def retire(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(require_site(shown.pool, REGULATOR))],
        reason: Annotated[str, Form(min_length=1, max_length=500)],
    ) -> Response:
        await shown.desk.retire_unfiled(who, site_id, reason, remote=remote_of(request))
        return RedirectResponse(f"/registry/sites/{quote(site_id, safe='')}", 303)


def _add_filing(router: APIRouter, shown: Shown) -> None:
    writes = require(OPERATOR, REGULATOR)

    @router.get("/filings/new")
    async def choose(
        request: Request,
        who: Annotated[Principal, Depends(writes)],
        site: str = "",
        organisation_id: Annotated[str, Query(max_length=100)] = "",
        q: Annotated[str, Query(max_length=100)] = "",
        cursor: Cursor = None,
    ) -> Response:
        if who.has(REGULATOR):
            return await _counter(request, shown, who, organisation_id, q, cursor)
        return await _choice(request, shown, who, site)

    @router.post("/filings")
    async def begin(
        request: Request,
        who: Annotated[Principal, Depends(writes)],
        site_id: str = Form(""),
        organisation_id: str = Form(""),
    ) -> Response:
        try:
            filing_id = await shown.desk.begin(
                who, organisation_id=organisation_id or None, site_id=site_id or None, remote=remote_of(request)
            )
        except YouguanError as error:
            if who.has(REGULATOR):
                return await _counter(request, shown, who, organisation_id, error=error)
            return await _choice(request, shown, who, site_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}/edit", 303)

    @router.get("/filings/{filing_id}")
    async def filing(request: Request, filing_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await shown.filing(request, who, filing_id)

    @router.get("/filings/{filing_id}/edit")
    async def edit(request: Request, filing_id: str, who: Annotated[Principal, Depends(writes)]) -> Response:
        return await shown.form(request, who, filing_id)

    @router.post("/filings/{filing_id}")
    async def save(request: Request, filing_id: str, who: Annotated[Principal, Depends(writes)]) -> Response:
        form = await request.form()
        try:
            content = await shown.named(content_of(form))
            await shown.desk.save(who, filing_id, content, remote=remote_of(request))
            if form.get("then") == "submit":
                await shown.desk.act(who, filing_id, Order(Command.SUBMIT), remote=remote_of(request))
                return RedirectResponse(f"/registry/filings/{filing_id}", 303)
        except YouguanError as error:
            return await shown.form(request, who, filing_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}/edit", 303)

    @router.post("/filings/{filing_id}/commands")
    async def act(
        request: Request,
        filing_id: str,
        who: Annotated[Principal, Depends(writes)],
        command: Annotated[Command, Form()],
        reason: Annotated[str, Form(max_length=1000)] = "",
        asked_for: Annotated[list[str] | None, Form()] = None,
        due_on: Annotated[date | None, Form()] = None,
        rating: Annotated[int | None, Form()] = None,
        document_number: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        order = Order(command, reason.strip(), tuple(asked_for or ()), due_on, rating, document_number.strip())
        try:
            await shown.desk.act(who, filing_id, order, remote=remote_of(request))
        except YouguanError as error:
            return await shown.filing(request, who, filing_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}", 303)


def _add_documents(router: APIRouter, shown: Shown) -> None:
    writes = require(OPERATOR, REGULATOR)

    @router.post(DOCUMENTS + "{filing_id}")
    async def attach(
        request: Request,
        filing_id: str,
        file: UploadFile,
        who: Annotated[Principal, Depends(writes)],
        type: Annotated[str, Form(max_length=100)],
        number: Annotated[str, Form(max_length=100)] = "",
        valid_from: Annotated[date | None, Form()] = None,
        valid_until: Annotated[date | None, Form()] = None,
        replaces: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        draft = PaperDraft(type, number.strip(), valid_from, valid_until, replaces or None)
        try:
            received = receiving(shown.desk.papers.shelf, file)
            await shown.desk.papers.attach(who, filing_id, draft, received, remote=remote_of(request))
        except YouguanError as error:
            return await shown.filing(request, who, filing_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}#documents", 303)

    @router.get(DOCUMENTS + "{filing_id}/{document_id}")
    async def fetch(
        request: Request, filing_id: str, document_id: str, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        document = await shown.desk.papers.open_document(who, filing_id, document_id, remote=remote_of(request))
        return give(shown.desk.papers.shelf, document)

    @router.post(DOCUMENTS + "{filing_id}/{document_id}/judgement")
    async def judge(
        request: Request,
        filing_id: str,
        document_id: str,
        who: Annotated[Principal, Depends(require(REGULATOR))],
        accepted: Annotated[bool, Form()],
        reason: Annotated[str, Form(max_length=1000)] = "",
    ) -> Response:
        try:
            await shown.desk.papers.judge(
                who, filing_id, document_id, accepted, reason.strip(), remote=remote_of(request)
            )
        except YouguanError as error:
            return await shown.filing(request, who, filing_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}#documents", 303)

    @router.post(DOCUMENTS + "{filing_id}/{document_id}/remove")
    async def remove(
        request: Request, filing_id: str, document_id: str, who: Annotated[Principal, Depends(writes)]
    ) -> Response:
        try:
            await shown.desk.papers.remove(who, filing_id, document_id, remote=remote_of(request))
        except YouguanError as error:
            return await shown.filing(request, who, filing_id, error)
        return RedirectResponse(f"/registry/filings/{filing_id}#documents", 303)


async def _choice(
    request: Request, shown: Shown, who: Principal, site: str, error: YouguanError | None = None
) -> Response:
    """Return the page on which a filing is begun: for a new site, or for one that is there."""
    async with shown.pool.acquire() as connection:
        own = await surroundings.own_sites(connection, who.organisation_id) if who.organisation_id else []
    return shown.templates.render(
        request, "filing_new.html", status_code=error.status if error else 200, own=own, site=site, error=error
    )


async def _applicant(
    connection: asyncpg.Connection, text: str, error: YouguanError | None
) -> tuple[asyncpg.Record | None, YouguanError | None]:
    """Return the organisation that a clerk has named, and what is wrong."""
    if not text.strip():
        return None, error
    try:
        meant = await registry.organisation_meant(connection, text)
    except YouguanError as unknown:
        return None, error or unknown
    return await registry.get_organisation(connection, meant), error


async def _counter(
    request: Request,
    shown: Shown,
    who: Principal,
    organisation_id: str,
    words: str = "",
    cursor: str | None = None,
    error: YouguanError | None = None,
) -> Response:
    """Return the page on which a clerk writes down what came on paper: for whom, and for which of its sites."""
    key = decode_cursor(cursor, str)
    async with shown.pool.acquire() as connection:
        applicant, error = await _applicant(connection, organisation_id, error)
        rows = await surroundings.sites_of_applicant(
            connection, applicant["id"] if applicant else "", who.scope, words.strip(), key[0] if key else None, PAGE
        )
    return shown.templates.render(
        request, "filing_counter.html", status_code=error.status if error else 200, said=organisation_id,
        applicant=applicant, called=registry.called, rows=rows, next=next_cursor(rows, PAGE, "id"), q=words, states=STATES,
        error=error,
        standing=STANDING, undecided=UNDECIDED,
    )  # fmt: skip


def content_of(form: FormData) -> Content:
    """Return what a form says; Invalid where a text is longer than any may be."""
    texts = {name: str(form.get(name, "")) for name in LABELS if name not in ("stations", "committed")}
    columns = [[str(value) for value in form.getlist(f"station_{name}")] for name in STATION_LABELS]
    stations = [dict(zip(STATION_LABELS, line, strict=True)) for line in zip(*columns, strict=False)]
    promises = {name.removeprefix("promise."): str(day) for name, day in form.items() if name.startswith("promise.")}
    members = {
        **texts,
        "stations": tuple(line for line in stations if line["id"].strip() or line["power_kw"].strip()),
        "promises": {code: day for code, day in promises.items() if day.strip()},
        "committed": "committed" in form,
    }
    return checked(Content, members)
