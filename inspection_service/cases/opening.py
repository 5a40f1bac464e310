"""What a case is opened with, and what the registry and the records know of it: the party, the place and the day of discovery."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time

import asyncpg

from inspection_service.cases import store
from inspection_service.cases.identity import Identity
from inspection_service.cases.particulars import UNKNOWN, Particulars, code_holds
from inspection_service.law.catalogue import CITIZEN, Catalogue
from inspection_service.store import get_organisation
from inspection_service.tasks.places import site_told
from youguan.clock import COUNTY, county_day
from youguan.errors import Invalid, NotFound, Reason


@dataclass(frozen=True, slots=True)
class Opening:
    """What a case is opened with; `found_on` None: when the visit or task that it comes of found it, else today.

    The name of a party with an id is the registry's.
    """

    item_id: str
    party_kind: str
    party_name: str
    act_on: date
    second_officer: str
    reason: str
    party_id: str | None = None
    identity: Identity | None = None
    particulars: Particulars = UNKNOWN
    site_id: str | None = None
    station_id: str | None = None
    task_id: str | None = None
    visit_id: str | None = None
    found_on: date | None = None
    business_since: date | None = None
    serious: bool = False
    referred_by: str = ""
    referral_number: str = ""


async def completed(
    connection: asyncpg.Connection, catalogue: Catalogue, opening: Opening, day: date
) -> tuple[Opening, date]:
    """Return an opening with what is known of its party and place, and the day on which it was found; Invalid, NotFound."""
    if opening.item_id not in catalogue.items:
        raise NotFound(Reason("item {id}", id=opening.item_id))
    placed = replace(
        await _with_party(connection, opening), site_id=await site_told(connection, opening.site_id, opening.station_id)
    )
    if not placed.party_name.strip():
        raise Invalid.about("party_name", "is needed: whom the case is about")
    if not code_holds(placed.particulars.uscc):
        raise Invalid.about("uscc", "no unified social credit code: 18 characters, the last of them a checksum")
    if opening.act_on > day:
        raise Invalid.about("act_on", "lies in the future")
    if opening.business_since is not None and opening.business_since > day:
        raise Invalid.about("business_since", "lies in the future")
    found_on = opening.found_on or await found_day(connection, opening.visit_id, opening.task_id, opening.act_on, day)
    if not opening.act_on <= found_on <= day:
        raise Invalid.about("found_on", "lies before the act, or in the future")
    return placed, found_on


async def found_day(
    connection: asyncpg.Connection, visit_id: str | None, task_id: str | None, act_on: date, day: date
) -> date:
    """Return when the visit or the task that a case comes of found it, but not before the act; of neither: `day`."""
    at = await store.found_at(connection, visit_id, task_id)
    return max(county_day(at), act_on) if at else day


async def _with_party(connection: asyncpg.Connection, opening: Opening) -> Opening:
    """Return the opening with its party as the registry has it: an id is a known organisation's; what is said goes first."""
    if opening.party_kind == CITIZEN:
        if opening.party_id is not None:
            raise Invalid.about("party_id", "is an organisation's, and the party is a citizen")
        return opening
    if opening.identity is not None:
        raise Invalid.about("document_number", "only citizens are told apart by an identity document")
    if opening.party_id is None:
        return opening
    name = await store.organisation_named(connection, opening.party_id, noon(opening.act_on))
    if name is None:
        raise Invalid.about(
            "party_id", "is no organisation that has or had a role at a site: leave it out, and give the name"
        )
    filed = await get_organisation(connection, opening.party_id)
    known = Particulars(filed["address"], filed["uscc"] or "", filed["representative"] or "") if filed else UNKNOWN
    return replace(opening, party_name=name, particulars=opening.particulars.filled(known))


def noon(day: date) -> datetime:
    """Return the middle of a day in the county, when what began or ended on it counts."""
    return datetime.combine(day, time(12), COUNTY)
