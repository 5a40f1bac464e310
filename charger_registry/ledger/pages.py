"""The ledger of a site in the browser: who is responsible, what was true and what was believed, orders and corrections."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.ledger import store
from charger_registry.ledger.amendment import follows
from charger_registry.ledger.api import require_ledger
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.handovers.handover import may_propose
from charger_registry.ledger.history import changes
from charger_registry.ledger.responsibility import ORDER, Evidence, Line, holder
from charger_registry.pages import REASONS, ROLES, organisation_meant, typed
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import COUNTY, Clock
from youguan.coordinates import CRS_NAMES
from youguan.errors import Invalid, NotFound, Reason, YouguanError
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_site
from youguan.web.templates import Templates
from youguan.web.times import local_moment

ORIGINS = {
    "filing": "备案",
    "handover": "交接",
    "order": "监管指令",
    "return": "指令期满恢复",
    "import": "数据导入",
    "sample": "演示数据",
}
EVIDENCE_KINDS = {"contract": "合同", "acceptance_record": "验收记录", "decision": "决定文书", "other": "其他"}
WORDS: Mapping[str, Any] = {
    "roles": ROLES,
    "reasons": REASONS,
    "origins": ORIGINS,
    "kinds": EVIDENCE_KINDS,
    "systems": CRS_NAMES,
}
Text = Annotated[str, Form(max_length=500)]
Grounds = Annotated[str, Form(min_length=1, max_length=500)]
Number = Annotated[str, Form(max_length=100)]


def form_moment(moment: datetime | None) -> str:
    """Return an instant as a form's `datetime-local` takes it."""
    return moment.astimezone(COUNTY).strftime("%Y-%m-%dT%H:%M:%S") if moment else ""


def ledger_pages(pool: asyncpg.Pool, desk: LedgerDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/sites/{site_id}/…."""
    router = Router(prefix="/registry/sites/{site_id}")
    _add_ledger(router, pool, desk, templates, clock)
    _add_outlook(router, pool, templates, clock)
    _add_history(router, pool, templates, clock)
    _add_corrections(router, pool, desk, templates, clock)
    return router


async def _ledger(pool: asyncpg.Pool, who: Principal, site_id: str, now: datetime) -> dict[str, Any]:
    """Return what the page of a site's ledger shows to somebody; NotFound."""
    async with pool.acquire() as connection:
        site = await registry.get_site(connection, site_id)
        onward = await registry.merged_into(connection, site_id)
        lines = await store.lines(connection, site_id)
        stations = await store.station_ids(connection, site_id)
        waiting = await handovers.list_handovers(
            connection, scope=who.scope, state="proposed", site_id=site_id, before=None, limit=1000
        )
    own = who.organisation_id if who.has(OPERATOR) else None
    asked = {handover["station_id"] for handover in waiting}
    places = [place for place in ("", *stations) if place not in asked]
    return {
        "site": site,
        "onward": onward,
        "lines": sorted(lines, key=lambda line: line.since, reverse=True),
        "now": {role: holder(lines, role, now) for role in ROLES},
        "own": [line for line in lines if line.station_id and line.answers_at(now)],
        "ending": [line for line in lines if line.holds_at(now)],
        "instant": now,
        "stations": stations,
        "handovers": waiting,
        "hands_over": own is not None and any(may_propose(lines, own, place, now) for place in places),
    }


def _add_ledger(router: APIRouter, pool: asyncpg.Pool, desk: LedgerDesk, templates: Templates, clock: Clock) -> None:
    regulator = Depends(require_site(pool, REGULATOR))

    async def page(
        request: Request, who: Principal, site_id: str, error: YouguanError | None = None, form: str = ""
    ) -> Response:
        """Return the ledger; where something is wrong with one of its forms, that with what was typed."""
        shown = await _ledger(pool, who, site_id, clock.now())
        given, blank = await typed(request, error), await typed(request, None)
        return templates.render(
            request, "ledger.html", status_code=error.status if error else 200, **shown, error=error,
            ordered=given if form == "order" else blank, ended=given if form == "end" else blank, **WORDS,
        )  # fmt: skip

    @router.get("")
    async def ledger(
        request: Request, site_id: str, who: Annotated[Principal, Depends(require_ledger(pool))]
    ) -> Response:
        return await page(request, who, site_id)

    @router.post("/order")
    async def order(
        request: Request,
        site_id: str,
        who: Annotated[Principal, regulator],
        organisation_id: Annotated[str, Form()],
        reason: Grounds,
        document_number: Annotated[str, Form(min_length=1, max_length=100)],
        role: Annotated[str, Form()] = "manager",
        station_id: Annotated[str, Form(max_length=100)] = "",
        since: Annotated[str, Form()] = "",
        until: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            _known_role(role)
            await desk.order(
                who, site_id, role, await organisation_meant(pool, organisation_id), reason=reason, document_number=document_number,
                since=local_moment("since", since), until=local_moment("until", until), station_id=station_id,
                remote=remote_of(request),
            )  # fmt: skip
        except YouguanError as error:
            return await page(request, who, site_id, error, "order")
        return RedirectResponse(f"/registry/sites/{site_id}", 303)

    @router.post("/end")
    async def end(
        request: Request,
        site_id: str,
        who: Annotated[Principal, regulator],
        role: Annotated[str, Form(description="with its station behind a blank, where it is a station's")],
        reason: Grounds,
        document_number: Annotated[str, Form(min_length=1, max_length=100)],
        at: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            role, _, station_id = role.partition(" ")
            _known_role(role)
            await desk.end(
                who, site_id, role, reason=reason, document_number=document_number, at=local_moment("at", at),
                station_id=station_id, remote=remote_of(request),
            )  # fmt: skip
        except YouguanError as error:
            return await page(request, who, site_id, error, "end")
        return RedirectResponse(f"/registry/sites/{site_id}", 303)


def _add_outlook(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/order/outlook")
    async def outlook(
        request: Request,
        site_id: str,
        _: Annotated[Principal, Depends(require_site(pool, REGULATOR))],
        role: str = "manager",
        station_id: str = "",
        since: str = "",
        until: str = "",
    ) -> Response:
        """Say what the end of an order would bring, before it is given."""
        try:
            _known_role(role)
            begins = local_moment("since", since) or clock.now()
            line = Line(role, "", station_id, begins, local_moment("until", until), ORDER)
            async with pool.acquire() as connection:
                follower = follows(await store.lines(connection, site_id), line)
        except YouguanError as error:
            return templates.render(request, "ledger_outlook.html", error=error)
        return templates.render(request, "ledger_outlook.html", line=line, follower=follower, error=None)


def _known_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid.about("role", "is none of ours")


def _add_history(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/history")
    async def history(
        request: Request,
        site_id: str,
        _: Annotated[Principal, Depends(require_ledger(pool))],
        at: str = "",
        as_known_at: str = "",
    ) -> Response:
        known_at = local_moment("as_known_at", as_known_at)
        instant = local_moment("at", at) or clock.now()
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            lines = await store.lines(connection, site_id, known_at)
            recorded = await store.ever_recorded(connection, site_id)
        by_role = {role: [line for line in lines if line.role == role] for role in ROLES}
        return templates.render(
            request,
            "ledger_history.html",
            site=site,
            by_role=by_role,
            holding={role: [line for line in found if line.answers_at(instant)] for role, found in by_role.items()},
            at=form_moment(local_moment("at", at)),
            as_known_at=form_moment(known_at),
            instant=instant,
            known_at=known_at,
            changes=changes(recorded),
            **WORDS,
        )


def _add_corrections(
    router: APIRouter, pool: asyncpg.Pool, desk: LedgerDesk, templates: Templates, clock: Clock
) -> None:
    regulator = Depends(require_ledger(pool, REGULATOR))

    async def believed(site_id: str, line_id: int) -> Line:
        async with pool.acquire() as connection:
            for line in await store.lines(connection, site_id):
                if line.id == line_id:
                    return line
        raise NotFound(Reason("line {line_id} of site {site_id}", line_id=line_id, site_id=site_id))

    async def page(request: Request, site_id: str, line_id: int, error: YouguanError | None = None) -> Response:
        line = await believed(site_id, line_id)
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
        filed = {
            "organisation_id": registry.called(line.organisation_id, line.organisation_name),
            "since": form_moment(line.since), "until": form_moment(line.until), "kind": line.evidence.kind,
            "number": line.evidence.number, "note": line.evidence.note,
        }  # fmt: skip
        return templates.render(
            request,
            "ledger_correction.html",
            status_code=error.status if error else 200,
            site=site,
            line=line,
            given=filed | await typed(request, error),
            error=error,
            **WORDS,
        )

    @router.get("/lines/{line_id}")
    async def line(request: Request, site_id: str, line_id: int, _: Annotated[Principal, regulator]) -> Response:
        return await page(request, site_id, line_id)

    @router.post("/lines/{line_id}")
    async def correct(
        request: Request,
        site_id: str,
        line_id: int,
        who: Annotated[Principal, regulator],
        organisation_id: Annotated[str, Form()],
        since: Annotated[str, Form()],
        reason: Grounds,
        until: Annotated[str, Form()] = "",
        kind: Annotated[str, Form()] = "other",
        number: Number = "",
        note: Text = "",
    ) -> Response:
        try:
            wrong = await believed(site_id, line_id)
            if kind not in EVIDENCE_KINDS:
                raise Invalid.about("kind", "is none of ours")
            begun, ended = _as_given("since", since, wrong.since), _as_given("until", until, wrong.until)
            if begun is None:
                raise Invalid.about("since", "is missing")
            evidence = Evidence(kind, number, note)
            meant = await organisation_meant(pool, organisation_id)
            true = Line(wrong.role, meant, wrong.station_id, begun, ended, wrong.origin, evidence)
            await desk.correct(who, site_id, line_id, true, reason=reason, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, line_id, error)
        return RedirectResponse(f"/registry/sites/{site_id}/history", 303)

    @router.post("/lines/{line_id}/strike")
    async def strike(
        request: Request, site_id: str, line_id: int, who: Annotated[Principal, regulator], reason: Grounds
    ) -> Response:
        try:
            await desk.correct(who, site_id, line_id, None, reason=reason, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, line_id, error)
        return RedirectResponse(f"/registry/sites/{site_id}/history", 303)


def _as_given(name: str, text: str, was: datetime | None) -> datetime | None:
    """Return what a form says, to the microsecond as it was where nobody has changed it."""
    return was if text == form_moment(was) else local_moment(name, text)
