"""Handovers in the browser: what waits for my answer, what I have proposed, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.desk import HandoverDesk
from charger_registry.ledger.handovers.handover import Command, answer_by
from charger_registry.ledger.handovers.selection import MOST, Outcome, each
from charger_registry.ledger.pages import EVIDENCE_KINDS, Number, Text
from charger_registry.ledger.responsibility import Evidence, holder
from charger_registry.pages import organisation_meant, typed
from youguan.auth import OPERATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.database import AWAY
from youguan.errors import Invalid, Unavailable, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_site
from youguan.web.templates import Templates
from youguan.web.times import local_moment

SHOWN = 50
WAITING = "waiting"
LISTS = {
    WAITING: ("等待我方答复", "没有等待答复的交接"),
    "open": ("进行中", "没有进行中的交接"),
    "ended": ("已结束", "没有已结束的交接"),
}
STATES = {
    "proposed": ("warn", "等待答复"),
    "accepted": ("good", "已接受"),
    "declined": ("bad", "已拒绝"),
    "withdrawn": ("", "已撤回"),
    "lapsed": ("bad", "逾期未答复"),
    "overtaken": ("", "管理单位已另行确定"),
}


def handover_pages(pool: asyncpg.Pool, desk: HandoverDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/handovers and /registry/sites/{site_id}/handover."""
    router = Router(prefix="/registry")
    _add_list(router, pool, desk, templates, clock)
    _add_proposals(router, pool, desk, templates, clock)
    _add_answers(router, pool, desk, templates, clock)
    _add_proposal(router, pool, desk, templates, clock)
    return router


def _add_list(router: APIRouter, pool: asyncpg.Pool, desk: HandoverDesk, templates: Templates, clock: Clock) -> None:
    @router.get("/handovers/waiting")
    async def count(request: Request, who: Annotated[Principal, Depends(require(OPERATOR))]) -> Response:
        return templates.render(request, "handovers_waiting.html", waiting=await desk.waiting(who))

    async def page(
        request: Request,
        who: Principal,
        only: str = "",
        cursor: str | None = None,
        outcomes: Sequence[Outcome] = (),
        error: YouguanError | None = None,
    ) -> Response:
        """Return the lists, or the next page of one of them, and what became of those that were selected."""
        own = who.organisation_id if who.has(OPERATOR) else None
        shown = [only] if only in LISTS else [name for name in LISTS if own or name != WAITING]
        key, rows = decode_cursor(cursor if only in LISTS else None, datetime, str), {}
        async with pool.acquire() as connection:
            for name in shown:
                rows[name] = await store.list_handovers(
                    connection, scope=who.scope, state="ended" if name == "ended" else "proposed", site_id=None, before=key,
                    limit=SHOWN, asked=own or "" if name == WAITING else None, not_asked=own if name == "open" else None,
                )  # fmt: skip
        return templates.render(
            request, "handovers.html", status_code=error.status if error else 200, lists=LISTS, rows=rows, states=STATES,
            following={name: next_cursor(found, SHOWN, "proposed_at", "id") for name, found in rows.items()},
            today=county_day(clock.now()), outcomes=outcomes, error=error,
            names={row["id"]: row["site_name"] for found in rows.values() for row in found}, waiting=await desk.waiting(who),
            speaks=await desk.speaks(who, Command.ACCEPT), only=only,
        )  # fmt: skip

    @router.get("/handovers")
    async def handovers(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        list_: Annotated[str, Query(alias="list", max_length=20)] = "",
        cursor: Cursor = None,
    ) -> Response:
        return await page(request, who, list_, cursor)

    @router.post("/handovers")
    async def answer_several(
        request: Request,
        who: Annotated[Principal, Depends(require(OPERATOR))],
        command: Annotated[str, Form(pattern="^(accept|decline)$")],
        handover_id: Annotated[list[str], Form(default_factory=list)],
        reason: Text = "",
    ) -> Response:
        """Accept or decline those that are selected, each by itself."""
        try:
            if not handover_id:
                raise Invalid.about("handover_id", "is missing")
            if command != Command.ACCEPT and not reason.strip():
                raise Invalid.about("reason", "is missing")
        except Invalid as error:
            return await page(request, who, error=error)
        done = await each(handover_id, lambda one: desk.answer(who, one, Command(command), reason=reason))
        try:
            return await page(request, who, outcomes=done)
        except AWAY:
            return templates.render(request, "handovers_done.html", status_code=Unavailable.status, outcomes=done)


def _add_answers(router: APIRouter, pool: asyncpg.Pool, desk: HandoverDesk, templates: Templates, clock: Clock) -> None:
    async def page(request: Request, who: Principal, handover_id: str, error: YouguanError | None = None) -> Response:
        async with pool.acquire() as connection:
            row = await store.get(connection, handover_id, who.scope)
            receiver = await registry.get_organisation(connection, row["to_organisation_id"])
        own = who.organisation_id if who.has(OPERATOR) else None
        handover = store.handover_of(row)
        is_open = row["state"] == "proposed" and own is not None
        return templates.render(
            request,
            "handover.html",
            status_code=error.status if error else 200,
            row=row,
            receiver=receiver,
            states=STATES,
            kinds=EVIDENCE_KINDS,
            asked=is_open and own == row["to_organisation_id"] and not handover.has_lapsed(clock.now()),
            mine=is_open and own == row["proposer_id"],
            speaks=await desk.speaks(who, Command.ACCEPT),
            error=error,
        )

    @router.get("/handovers/{handover_id}")
    async def handover(request: Request, handover_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await page(request, who, handover_id)

    @router.post("/handovers/{handover_id}")
    async def answer(
        request: Request,
        handover_id: str,
        who: Annotated[Principal, Depends(require(OPERATOR))],
        command: Annotated[str, Form(pattern="^(accept|decline|withdraw)$")],
        reason: Text = "",
    ) -> Response:
        try:
            if command != Command.ACCEPT and not reason.strip():
                raise Invalid.about("reason", "is missing")
            await desk.answer(who, handover_id, Command(command), reason=reason)
        except YouguanError as error:
            return await page(request, who, handover_id, error)
        return RedirectResponse(f"/registry/handovers/{handover_id}", 303)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form says of a handover, but for the place; as it was typed."""

    organisation_id: Annotated[str, Form()]
    kind: Annotated[str, Form()] = "contract"
    number: Number = ""
    note: Text = ""
    reason: Text = ""
    takes_over_at: Annotated[str, Form()] = ""
    until: Annotated[str, Form()] = ""
    last_day: Annotated[str, Form()] = ""

    async def propose(
        self, pool: asyncpg.Pool, desk: HandoverDesk, who: Principal, site_id: str, station_id: str = ""
    ) -> str:
        """Propose the handover of a site or one of its stations; return its id."""
        if self.kind not in EVIDENCE_KINDS:
            raise Invalid.about("kind", "is none of ours")
        return await desk.propose(
            who, site_id, await organisation_meant(pool, self.organisation_id),
            evidence=Evidence(self.kind, self.number, self.note), reason=self.reason, station_id=station_id,
            takes_over_at=local_moment("takes_over_at", self.takes_over_at), until=local_moment("until", self.until),
            last_day=_day(self.last_day),
        )  # fmt: skip


def _add_proposal(
    router: APIRouter, pool: asyncpg.Pool, desk: HandoverDesk, templates: Templates, clock: Clock
) -> None:
    operator = Depends(require_site(pool, OPERATOR))

    async def page(request: Request, site_id: str, error: YouguanError | None = None) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            lines = await ledger.lines(connection, site_id)
            stations = await ledger.station_ids(connection, site_id)
            usual = answer_by(None, county_day(now), await store.usual_working_days(connection))
        return templates.render(
            request, "handover_proposal.html", status_code=error.status if error else 200, site=site,
            manager=holder(lines, "manager", now), stations=stations, kinds=EVIDENCE_KINDS, usual=usual,
            today=county_day(now), error=error, given=await typed(request, error),
        )  # fmt: skip

    @router.get("/sites/{site_id}/handover")
    async def proposal(request: Request, site_id: str, _: Annotated[Principal, operator]) -> Response:
        return await page(request, site_id)

    @router.post("/sites/{site_id}/handover")
    async def propose(
        request: Request,
        site_id: str,
        who: Annotated[Principal, operator],
        offer: Annotated[Offer, Depends()],
        station_id: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        try:
            handover_id = await offer.propose(pool, desk, who, site_id, station_id)
        except YouguanError as error:
            return await page(request, site_id, error)
        return RedirectResponse(f"/registry/handovers/{handover_id}", 303)


def _add_proposals(
    router: APIRouter, pool: asyncpg.Pool, desk: HandoverDesk, templates: Templates, clock: Clock
) -> None:
    """Add the proposal of several sites to one receiver."""

    async def page(
        request: Request,
        who: Principal,
        site_ids: Sequence[str],
        outcomes: Sequence[Outcome] = (),
        error: YouguanError | None = None,
    ) -> Response:
        today = county_day(clock.now())
        async with pool.acquire() as connection:
            sites = [await registry.get_site(connection, one) for one in dict.fromkeys(site_ids[:MOST])]
            seen = await sites_within(connection, who.scope, [site["id"] for site in sites])
            usual = answer_by(None, today, await store.usual_working_days(connection))
        return templates.render(
            request, "handover_proposals.html", status_code=error.status if error else 200,
            sites=[site for site in sites if site["id"] in seen], kinds=EVIDENCE_KINDS, usual=usual, today=today,
            outcomes={outcome.id: outcome.error for outcome in outcomes}, error=error, given=await typed(request, error),
        )  # fmt: skip

    @router.get("/handovers/new")
    async def proposals(
        request: Request,
        who: Annotated[Principal, Depends(require(OPERATOR))],
        site_id: Annotated[list[str], Query(default_factory=list, max_length=MOST)],
    ) -> Response:
        return await page(request, who, site_id)

    @router.post("/handovers/new")
    async def propose_several(
        request: Request,
        who: Annotated[Principal, Depends(require(OPERATOR))],
        offer: Annotated[Offer, Depends()],
        site_id: Annotated[list[str], Form(default_factory=list, max_length=MOST)],
    ) -> Response:
        """Propose the handover of those that are selected, each by itself."""
        try:
            if not site_id:
                raise Invalid.about("site_id", "is missing")
            await organisation_meant(pool, offer.organisation_id)
        except Invalid as error:
            return await page(request, who, site_id, error=error)
        done = await each(site_id, lambda one: offer.propose(pool, desk, who, one))
        try:
            return await page(request, who, site_id, done)
        except AWAY:
            return templates.render(request, "handovers_done.html", status_code=Unavailable.status, outcomes=done)


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid.about("answer_by", "is no date") from None
