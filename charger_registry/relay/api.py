"""Relayed sites over HTTP."""

from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from charger_registry.relay import store
from charger_registry.relay.desk import RelayDesk, Relaying
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_site
from youguan.web.times import UtcTime

Reason = Annotated[str, Field(min_length=1, max_length=500)]
Admission = Literal["ours", "upstream"]
LARGEST_AUTHORITY = 100_000


class Strict(BaseModel):
    """A body in which nothing goes unread."""

    model_config = ConfigDict(extra="forbid")


class RelayIn(Strict):
    """How a site is to be relayed; `upstream_url` null: no longer.

    `admission`: who judges what a station shows. `may_send`: whether commands of ours may go to its stations, each announced to
    the upstream before. `authority`: PEM, who vouches for the upstream where the system does not.
    """

    upstream_url: str | None = Field(max_length=500)
    admission: Admission = "ours"
    may_send: bool = False
    authority: str | None = Field(default=None, max_length=LARGEST_AUTHORITY)
    reason: Reason


class ProposalIn(Strict):
    """Where the manager of a site wants its stations to be passed on to; `upstream_url` null: nowhere any more."""

    upstream_url: str | None = Field(max_length=500)
    authority: str | None = Field(default=None, max_length=LARGEST_AUTHORITY)
    reason: Reason


class AcceptanceIn(Strict):
    """Why a proposal is accepted, and the policy that goes with it."""

    reason: Reason
    admission: Admission = "ours"
    may_send: bool = False


class Why(Strict):
    """Why."""

    reason: Reason


class RelayOut(BaseModel):
    """A decision; the last one holds."""

    upstream_url: str | None
    admission: Admission
    may_send: bool
    authority: str | None
    reason: str
    decided_by: str
    decided_at: UtcTime


class ProposalOut(BaseModel):
    """What a manager proposed, and what became of it."""

    id: int
    site_id: str
    upstream_url: str | None
    reason: str
    organisation_id: str | None
    proposed_by: str
    proposed_at: UtcTime
    state: Literal["open", "accepted", "declined", "withdrawn"]
    decided_by: str | None
    decided_at: UtcTime | None
    decision_reason: str | None


class SiteRelayOut(BaseModel):
    """A site with what was decided and proposed about it, the newest first."""

    site_id: str
    upstream_url: str | None
    decisions: list[RelayOut]
    proposals: list[ProposalOut]


class RelayedSiteOut(BaseModel):
    """A site that is relayed, or for which that is proposed."""

    site_id: str
    site_name: str
    upstream_url: str | None
    admission: Admission
    may_send: bool
    decided_by: str | None
    decided_at: UtcTime | None
    reason: str | None
    proposals: int = Field(description="how many are open")


def add_relay(app: FastAPI, pool: asyncpg.Pool, desk: RelayDesk) -> None:
    """Add relayed sites to /api/registry."""
    regulator = require(REGULATOR)

    async def site_out(site_id: str) -> SiteRelayOut:
        async with pool.acquire() as connection:
            decisions = await store.decisions(connection, site_id)
            proposals = await store.proposals(connection, site_id)
        return SiteRelayOut(
            site_id=site_id,
            upstream_url=decisions[0]["upstream_url"] if decisions else None,
            decisions=[RelayOut(**dict(row)) for row in decisions],
            proposals=[ProposalOut(**dict(row)) for row in proposals],
        )

    @app.get("/relays")
    async def relays(
        who: Annotated[Principal, Depends(require(REGULATOR, OPERATOR))], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[RelayedSiteOut]:
        """List sites within one's bounds that are relayed, or for which that is proposed, by id."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_relayed(connection, who.scope, key[0] if key else None, limit)
        following = next_cursor(rows, limit, "site_id")
        return Page(items=[RelayedSiteOut(**dict(row)) for row in rows], next=following)

    @app.get("/sites/{site_id}/relay")
    async def site(
        site_id: str, _: Annotated[Principal, Depends(require_site(pool, REGULATOR, OPERATOR))]
    ) -> SiteRelayOut:
        """Return where a site's stations are passed on to, and how that came about."""
        return await site_out(site_id)

    @app.put("/sites/{site_id}/relay")
    async def decide(
        site_id: str,
        wanted: RelayIn,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, REGULATOR))],
    ) -> SiteRelayOut:
        """Decide how a site is relayed; its stations are connected anew within two seconds."""
        relaying = Relaying(wanted.upstream_url, wanted.admission, wanted.may_send, wanted.authority)
        await desk.decide(who, site_id, relaying, wanted.reason, remote=remote_of(request))
        return await site_out(site_id)

    @app.post("/sites/{site_id}/relay/proposals", status_code=201)
    async def propose(
        site_id: str,
        wanted: ProposalIn,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, OPERATOR))],
    ) -> SiteRelayOut:
        """Propose, as the site's manager; an older proposal that is still open is withdrawn by that."""
        await desk.propose(
            who, site_id, wanted.upstream_url, wanted.reason, authority=wanted.authority, remote=remote_of(request)
        )
        return await site_out(site_id)

    @app.post("/relay-proposals/{proposal_id}/accept")
    async def accept(
        proposal_id: int, wanted: AcceptanceIn, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> SiteRelayOut:
        """Decide as proposed."""
        site_id = await desk.accept(
            who, proposal_id, wanted.reason, admission=wanted.admission, may_send=wanted.may_send,
            remote=remote_of(request),
        )  # fmt: skip
        return await site_out(site_id)

    @app.post("/relay-proposals/{proposal_id}/decline")
    async def decline(
        proposal_id: int, why: Why, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> SiteRelayOut:
        """Leave things as they are."""
        return await site_out(await desk.decline(who, proposal_id, why.reason, remote=remote_of(request)))

    @app.post("/relay-proposals/{proposal_id}/withdraw")
    async def withdraw(
        proposal_id: int, why: Why, request: Request, who: Annotated[Principal, Depends(require(OPERATOR))]
    ) -> SiteRelayOut:
        """Take back a proposal of one's own organisation."""
        return await site_out(await desk.withdraw(who, proposal_id, why.reason, remote=remote_of(request)))
