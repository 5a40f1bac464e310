"""The pages of relayed sites: the regulator decides there, the site's manager proposes."""

from typing import Annotated, Literal
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as sites
from charger_registry.relay import store
from charger_registry.relay.desk import RelayDesk, Relaying
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_site
from youguan.web.templates import Templates

PAGE = 50
ADMISSIONS = {"ours": "本系统核验", "upstream": "由运营商中央系统核验"}
STATES = {
    "open": ("warn", "待决定"),
    "accepted": ("good", "已采纳"),
    "declined": ("bad", "未采纳"),
    "withdrawn": ("", "已撤回"),
}
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Admission = Literal["ours", "upstream"]


class RelayPages:
    """What the page of a site's relay shows."""

    def __init__(self, pool: asyncpg.Pool, desk: RelayDesk, templates: Templates, clock: Clock) -> None:
        self.pool = pool
        self.desk = desk
        self._templates = templates
        self._clock = clock

    async def show(
        self, request: Request, who: Principal, site_id: str, error: YouguanError | None = None, **given: str
    ) -> Response:
        """Return the page; `given`: what a form said that was refused."""
        async with self.pool.acquire() as connection:
            site = await sites.get_site(connection, site_id)
            decisions = await store.decisions(connection, site_id)
            proposals = await store.proposals(connection, site_id)
            manages = await store.is_manager(connection, site_id, who.organisation_id, self._clock.now())
        return self._templates.render(
            request, "site_relay.html", status_code=error.status if error else 200, site=site, decisions=decisions,
            proposals=proposals, manages=manages and who.has(OPERATOR), now=Relaying.of(decisions[0] if decisions else None),
            error=error, given=given, admissions=ADMISSIONS, states=STATES,
        )  # fmt: skip


def relay_pages(pool: asyncpg.Pool, desk: RelayDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/relays."""
    router = Router(prefix="/registry/relays")
    pages = RelayPages(pool, desk, templates, clock)
    _add_list(router, pool, templates)
    _add_decisions(router, pages)
    _add_proposals(router, pages)
    return router


def _back(site_id: str) -> Response:
    return RedirectResponse(f"/registry/relays/{quote(site_id, safe='')}", 303)


def _add_list(router: APIRouter, pool: asyncpg.Pool, templates: Templates) -> None:
    @router.get("")
    async def relays(
        request: Request, who: Annotated[Principal, Depends(require(REGULATOR, OPERATOR))], cursor: Cursor = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_relayed(connection, who.scope, key[0] if key else None, PAGE)
        following = next_cursor(rows, PAGE, "site_id")
        return templates.render(request, "relays.html", rows=rows, next=following, admissions=ADMISSIONS)


def _add_decisions(router: APIRouter, pages: RelayPages) -> None:
    @router.get("/{site_id}")
    async def site(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(require_site(pages.pool, REGULATOR, OPERATOR))],
    ) -> Response:
        return await pages.show(request, who, site_id)

    @router.post("/{site_id}")
    async def decide(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(require_site(pages.pool, REGULATOR))],
        reason: Reason,
        upstream_url: Annotated[str, Form()] = "",
        admission: Annotated[Admission, Form()] = "ours",
        may_send: Annotated[bool, Form()] = False,
        authority: Annotated[str, Form()] = "",
    ) -> Response:
        wanted = Relaying(upstream_url.strip() or None, admission, may_send, authority.strip() or None)
        try:
            await pages.desk.decide(who, site_id, wanted, reason, remote=remote_of(request))
        except YouguanError as error:
            return await pages.show(request, who, site_id, error, upstream_url=upstream_url, reason=reason)
        return _back(site_id)


def _add_proposals(router: APIRouter, pages: RelayPages) -> None:
    @router.post("/{site_id}/proposals")
    async def propose(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(require_site(pages.pool, OPERATOR))],
        reason: Reason,
        upstream_url: Annotated[str, Form()] = "",
        authority: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            await pages.desk.propose(
                who, site_id, upstream_url.strip() or None, reason, authority=authority.strip() or None,
                remote=remote_of(request),
            )  # fmt: skip
        except YouguanError as error:
            return await pages.show(request, who, site_id, error, upstream_url=upstream_url, reason=reason)
        return _back(site_id)

    @router.post("/{site_id}/proposals/{proposal_id}/{what}")
    async def close(
        request: Request,
        site_id: str,
        proposal_id: int,
        what: Literal["accept", "decline", "withdraw"],
        who: Annotated[Principal, Depends(require_site(pages.pool, REGULATOR, OPERATOR))],
        reason: Reason,
        admission: Annotated[Admission, Form()] = "ours",
        may_send: Annotated[bool, Form()] = False,
    ) -> Response:
        require(OPERATOR if what == "withdraw" else REGULATOR)(request)
        remote = remote_of(request)
        try:
            if what == "accept":
                await pages.desk.accept(who, proposal_id, reason, admission=admission, may_send=may_send, remote=remote)
            elif what == "decline":
                await pages.desk.decline(who, proposal_id, reason, remote=remote)
            else:
                await pages.desk.withdraw(who, proposal_id, reason, remote=remote)
        except YouguanError as error:
            return await pages.show(request, who, site_id, error)
        return _back(site_id)
