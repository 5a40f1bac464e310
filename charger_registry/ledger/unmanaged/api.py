"""Sites that nobody manages, over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, Field

from charger_registry.ledger.api import Grounds, OrganisationName
from charger_registry.ledger.unmanaged import store
from charger_registry.ledger.unmanaged.desk import UnmanagedDesk, rules_of
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_county, require_site, scope_of
from youguan.web.times import UtcTime

Why = Literal["no_manager", "deregistered", "contract_ended", "silent"]
AHEAD_DAYS = 60
AccountableRole = Literal["owner", "builder", "maintainer", "property_manager"]


class AccountableOut(OrganisationName):
    """Who answers for a site while nobody manages it, and as what."""

    role: str


class FindingOut(BaseModel):
    """That nobody manages a site; `organisation`: who managed it last. `settled_because`: managed, changed or retired."""

    id: int
    site_id: str
    site_name: str
    division_code: str | None
    reason: str
    since: UtcTime
    found_at: UtcTime
    organisation: OrganisationName | None
    accountable: AccountableOut | None
    settled_at: UtcTime | None
    settled_because: str | None


class ComingOut(BaseModel):
    """That nobody will manage a site from an instant on, and why: the contract ends, or its manager ceases to be."""

    site_id: str
    site_name: str
    division_code: str | None
    reason: Literal["contract_ended", "deregistered"]
    ends_at: UtcTime
    organisation: OrganisationName


class CountOut(BaseModel):
    """How many sites nobody manages, of a township, of who managed last, or for a reason."""

    key: str | None
    name: str | None
    sites: int
    no_manager: int
    deregistered: int
    contract_ended: int
    silent: int


class ContactNote(BaseModel):
    """The manager answers: how that is known."""

    reason: Grounds


class Thresholds(BaseModel):
    """The numbers by which the ledger's rules decide; what is not given stays."""

    handover_answer_working_days: int | None = None
    silent_unanswered_tasks: int | None = None
    silent_days_without_contact: int | None = None


class RulesOut(BaseModel):
    """The rules of the ledger."""

    thresholds: dict[str, int]
    accountable_roles: list[str] = Field(description="in this order somebody is accountable while nobody manages")
    representatives_needed: list[str] = Field(description="what of a handover only a verified representative may say")


class RulesIn(BaseModel):
    """Change the rules of the ledger; what is not given stays."""

    thresholds: Thresholds = Thresholds()
    accountable_roles: list[AccountableRole] | None = None
    representatives_needed: list[Literal["propose", "accept"]] | None = None
    reason: Grounds


def add_unmanaged(app: FastAPI, pool: asyncpg.Pool, desk: UnmanagedDesk, clock: Clock) -> None:
    """Add /unmanaged, /sites/{site_id}/contact and /ledger-rules to /api/registry."""
    _add_findings(app, pool, desk, clock)
    _add_rules(app, pool, desk)


def _add_findings(app: FastAPI, pool: asyncpg.Pool, desk: UnmanagedDesk, clock: Clock) -> None:
    @app.get("/unmanaged")
    async def unmanaged(
        request: Request,
        _: Annotated[Principal, Depends(require())],
        settled: bool = False,
        reason: Why | None = None,
        division: str | None = None,
        organisation: str | None = None,
        site: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[FindingOut]:
        """List sites within one's bounds that nobody manages, in the order in which that was found; or those settled."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            rows = await store.list_findings(
                connection, scope=scope_of(request), settled=settled, reason=reason, division=division,
                organisation_id=organisation, site_id=site, after=key[0] if key else 0, limit=limit,
            )  # fmt: skip
        return Page(items=[_finding(row) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.get("/unmanaged/coming")
    async def coming(
        request: Request,
        _: Annotated[Principal, Depends(require())],
        days: Annotated[int, Query(ge=1, le=3650, description="how far ahead")] = AHEAD_DAYS,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ComingOut]:
        """List sites within one's bounds that nobody will manage soon, unless somebody follows: the first to come first."""
        key, now = decode_cursor(cursor, datetime, str), clock.now()
        async with pool.acquire() as connection:
            rows = await store.list_coming(
                connection, scope_of(request), now, now + timedelta(days=days), key, limit
            )  # fmt: skip
        return Page(items=[_coming(row) for row in rows], next=next_cursor(rows, limit, "ends_at", "site_id"))

    @app.get("/unmanaged/counts")
    async def counts(
        request: Request,
        _: Annotated[Principal, Depends(require())],
        by: Annotated[store.By, Query(description="township, who managed last, or why")] = "division",
    ) -> Page[CountOut]:
        """Count the sites within one's bounds that nobody manages now."""
        async with pool.acquire() as connection:
            rows = await store.count_findings(connection, scope_of(request), by)
        return Page(items=[CountOut(**dict(row)) for row in rows])

    @app.post("/sites/{site_id}/contact", status_code=204)
    async def contact(
        site_id: str, given: ContactNote, who: Annotated[Principal, Depends(require_site(pool, REGULATOR))]
    ) -> None:
        """Note that the manager answers: its silence is reckoned anew from now."""
        await desk.note_contact(who, site_id, given.reason)


def _add_rules(app: FastAPI, pool: asyncpg.Pool, desk: UnmanagedDesk) -> None:
    @app.get("/ledger-rules")
    async def rules(_: Annotated[Principal, Depends(require())]) -> RulesOut:
        """Return the rules of the ledger: thresholds, and who is accountable while nobody manages."""
        async with pool.acquire() as connection:
            return RulesOut.model_validate(await rules_of(connection))

    @app.put("/ledger-rules")
    async def change(given: RulesIn, who: Annotated[Principal, Depends(require_county(REGULATOR))]) -> RulesOut:
        """Change them; what has been found already stays as it was found."""
        thresholds = given.thresholds.model_dump(exclude_none=True)
        roles, represented = given.accountable_roles, given.representatives_needed
        await desk.change_rules(who, thresholds, roles, given.reason, represented)
        async with pool.acquire() as connection:
            return RulesOut.model_validate(await rules_of(connection))


def _coming(row: asyncpg.Record) -> ComingOut:
    return ComingOut(**dict(row), organisation=_named(row["organisation_id"], row["organisation_name"]))


def _finding(row: asyncpg.Record) -> FindingOut:
    organisation, accountable = row["organisation_id"], row["accountable_id"]
    return FindingOut(
        id=row["id"],
        site_id=row["site_id"],
        site_name=row["site_name"],
        division_code=row["division_code"],
        reason=row["reason"],
        since=row["since"],
        found_at=row["found_at"],
        organisation=_named(organisation, row["organisation_name"]) if organisation else None,
        accountable=AccountableOut(
            id=accountable, name=row["accountable_name"] or accountable, role=row["accountable_role"]
        )
        if accountable
        else None,
        settled_at=row["ended_at"],
        settled_because=row["ended_because"],
    )


def _named(organisation_id: str, name: str | None) -> OrganisationName:
    return OrganisationName(id=organisation_id, name=name or organisation_id)
