"""A step of a filing: who wants what done with which filing, as what, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.deadlines import Terms
from charger_registry.filing.machine import STANDING, Command, Role, State, move
from charger_registry.filing.rules import store as rule_store
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import county_day
from youguan.events import Event, FilingMoved

ONLINE, COUNTER = "online", "counter"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done; `due_on`: by when a supplement is due, or since when a site is in operation.

    `document_number`: of the official paper that says so, which takes back that a file has lapsed.
    """

    command: Command
    reason: str = ""
    asked_for: tuple[str, ...] = ()
    due_on: date | None = None
    rating: int | None = None
    document_number: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit trail, written once every row is held that the step changes."""

    action: str
    filing_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done with a held filing; `news`: what is to be told besides, `trail`: what is to be written down."""

    who: Principal
    filing: asyncpg.Record
    order: Order
    role: Role
    following: State
    now: datetime
    terms: Terms
    news: list[Event] = field(default_factory=list)
    trail: list[Entry] = field(default_factory=list)

    @property
    def today(self) -> date:
        return county_day(self.now)


async def take_step(
    connection: asyncpg.Connection, who: Principal, filing_id: str, order: Order, now: datetime
) -> Step:
    """Hold a filing and return what is to be done with it; NotFound, Conflict, Forbidden."""
    filing = await store.hold(connection, filing_id, who.scope)
    role, following = move(State(filing["state"]), order.command, roles_on(who, filing))
    return Step(who, filing, order, role, following, now, await rule_store.terms(connection, rules_of(filing, now)))


def rules_of(filing: Mapping[str, Any], now: datetime) -> date:
    """Return of which day the rules are that a filing is held against: that of its submission, else today's."""
    return county_day(filing["submitted_at"] or now)


def roles_on(who: Principal, filing: asyncpg.Record) -> set[Role]:
    """Return as what somebody may act on a filing that he sees."""
    roles = set()
    if who.has(OPERATOR) and who.organisation_id in keepers(filing):
        roles.add(Role.APPLICANT)
    if who.has(OPERATOR) and who.organisation_id == filing["organisation_id"]:
        roles.add(Role.FILER)
    if who.has(REGULATOR) and who.scope.covers(filing["division_code"], None):
        roles.add(Role.AUTHORITY)
        if filing["channel"] == COUNTER:
            roles.add(Role.CLERK)
    return roles


def keepers(filing: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whose file it is: its applicant's, and once it stands that of whoever manages the site now.

    An applicant that no longer answers for the site has handed its file over with it.
    """
    applicant, manager = filing["organisation_id"], filing["manager_id"]
    if filing["state"] not in STANDING or manager is None:
        return (applicant,)
    return tuple(dict.fromkeys((manager, applicant))) if filing["applicant_answers"] else (manager,)


def filing_moved(before: Mapping[str, Any], after: Mapping[str, Any], role: Role, now: datetime) -> FilingMoved:
    """Return a filing's move as others are told of it."""
    return FilingMoved(
        filing_id=after["id"],
        number=after["number"],
        site_id=after["site_id"],
        organisation_id=after["organisation_id"],
        previous=before["state"],
        state=after["state"],
        at=now,
        role=role,
        keeper_ids=tuple(dict.fromkeys((*keepers(before), *keepers(after)))),
    )
