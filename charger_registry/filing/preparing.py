"""What each command asks of a filing, and what of it changes beside its state."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.filing import store
from charger_registry.filing.content import Content, Problem, World, field_errors, problems
from charger_registry.filing.deadlines import days_left, resumed
from charger_registry.filing.machine import Command, Role, State
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.papers.lapsing import broken, last_day_to_restore
from charger_registry.filing.rules import store as rule_store
from charger_registry.filing.step import Entry, Step, filing_moved, rules_of
from charger_registry.filing.surroundings import store as surroundings
from charger_registry.ledger import store as ledger
from youguan.clock import county_day
from youguan.errors import Conflict, Forbidden, Invalid, Reason
from youguan.working_days import add_working_days

EXPLAINED = (
    Command.REQUIRE_SUPPLEMENT,
    Command.REJECT,
    Command.SUSPEND,
    Command.RETIRE,
    Command.LAPSE,
    Command.RESTORE,
)
LONGEST_WAIT = timedelta(days=365)  # for a supplement
WORST, BEST, BAD = 1, 5, 2  # ratings; whoever is not satisfied says why
Prepare = Callable[[asyncpg.Connection, Step], Awaitable[dict[str, Any]]]


async def prepare(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """Return what changes of a held filing; Invalid by field, Conflict, Forbidden."""
    _check_reason(step)
    return await PREPARE.get(step.order.command, _nothing_due)(connection, step)


async def problems_of(
    connection: asyncpg.Connection, filing: asyncpg.Record, content: Content, now: datetime
) -> list[Problem]:
    """Return what is missing or wrong in a filing, held against what there is."""
    day = rules_of(filing, now)
    types = [rule_store.type_of(row) for row in await rule_store.document_types(connection, day)]
    papers = paper_store.papers(await paper_store.documents(connection, filing["id"]), filing["asked_at"])
    ids = [line.id for line in content.stations]
    world = World(
        today=county_day(now),
        terms=await rule_store.terms(connection, day),
        divisions=await surroundings.known_divisions(connection, content.division_code),
        organisations=await surroundings.known_organisations(connection, content.parties().values(), now),
        elsewhere=await surroundings.stations_elsewhere(connection, ids, filing["site_id"]),
        boundaries=await divisions.boundary_for(connection, content.division_code),
        held=await _held(connection, filing["site_id"], now) if filing["site_id"] else {},
    )
    return problems(content, filing["organisation_id"], types, papers, filing["asked_for"], world)


async def _held(connection: asyncpg.Connection, site_id: str, now: datetime) -> dict[str, dict[str, str]]:
    """Return who has which role at a site, so that its file and its ledger give one answer."""
    held: dict[str, dict[str, str]] = {}
    for line in await ledger.lines(connection, site_id):
        if not line.station_id and line.answers_at(now):
            held.setdefault(line.role, {})[line.organisation_id] = line.organisation_name
    return held


async def _refuse_problems(connection: asyncpg.Connection, step: Step) -> None:
    content = store.content_of(step.filing)
    found = field_errors(await problems_of(connection, step.filing, content, step.now))
    if found:
        raise Invalid.of(*found)


async def _submit(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """The first time the terms begin; after a supplement what was left of the decision's goes on."""
    await _refuse_problems(connection, step)
    if step.filing["submitted_at"] is not None:
        due_on = resumed(step.today, step.filing["decision_days_left"])
        return {"decision_due_on": due_on, "decision_days_left": None, "due_on": due_on}
    answer = add_working_days(step.today, step.terms.answer)
    return {
        "number": await store.next_number(connection, step.today.year),
        "submitted_at": step.now,
        "answer_due_on": answer,
        "decision_due_on": add_working_days(step.today, step.terms.decision),
        "due_on": answer,
    }


async def _admit(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    if step.filing["answered_at"] is not None:
        raise Conflict("this filing has been taken up already")
    return {"answered_at": step.now, "due_on": step.filing["decision_due_on"]}


async def _require_supplement(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """While the applicant has the word, the term of the decision stands still."""
    known = {row["code"] for row in await rule_store.document_types(connection, step.today)}
    if unknown := set(step.order.asked_for) - known:
        raise Invalid.about(
            "asked_for", Reason("unknown kinds of documents: {codes}", codes=", ".join(sorted(unknown)))
        )
    due_on = step.order.due_on or add_working_days(step.today, step.terms.supplement)
    if not step.today < due_on <= step.today + LONGEST_WAIT:
        raise Invalid.about("due_on", Reason("in the future, by at most {most} days", most=LONGEST_WAIT.days))
    return {
        "answered_at": step.filing["answered_at"] or step.now,
        "asked_for": list(step.order.asked_for),
        "asked_at": step.now,
        "asked_why": step.order.reason,
        "decision_days_left": days_left(step.filing["decision_due_on"], step.today),
        "decision_due_on": None,
        "due_on": due_on,
    }


async def _accept(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """A site that is there already stays in operation, unless it never began; the file that it had gives way to this one."""
    await _refuse_problems(connection, step)
    changes = {"answered_at": step.filing["answered_at"] or step.now, "decided_at": step.now, "due_on": None}
    site_id = step.filing["site_id"]
    if site_id is None:
        return {**changes, "site_id": step.filing["number"]}
    if (await registry.get_site(connection, site_id))["retired_at"] is not None:
        raise Conflict("the site has been retired since this filing was begun")
    old = await store.standing(connection, site_id)
    if old is not None:
        await _give_way(connection, old, step)
    former = old or await store.last_lapsed(connection, site_id)
    if old is None and former is not None and former["started_on"] is None:
        return changes
    return {**changes, "state": State.IN_OPERATION, "started_on": former["started_on"] if former else None}


async def _give_way(connection: asyncpg.Connection, old: asyncpg.Record, step: Step) -> None:
    if old["state"] == State.SUSPENDED:
        raise Conflict("the site has been suspended")
    await store.change(connection, old["id"], {"state": State.RETIRED, "moved_at": step.now})
    reason, by = f"replaced by {step.filing['number']}", step.who.subject
    line = (step.now, by, step.role, Command.RETIRE, old["state"], State.RETIRED, reason, None)
    await store.add_history(connection, old["id"], line)
    after = {"state": State.RETIRED, "reason": reason}
    step.trail.append(Entry("retire filing", old["id"], {"state": old["state"]}, after))
    step.news.append(filing_moved(old, {**dict(old), "state": State.RETIRED}, step.role, step.now))


async def _reject(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    return {"answered_at": step.filing["answered_at"] or step.now, "decided_at": step.now, "due_on": None}


async def _start(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    started_on = step.order.due_on or step.today
    if started_on > step.today:
        raise Invalid.about("due_on", Reason("lies in the future"))
    return {"started_on": started_on}


async def _suspend(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """The authority suspends as well what its operator has suspended: then only the authority ends that."""
    if step.filing["suspended_by"] == Role.AUTHORITY:
        raise Conflict("the authority has suspended this site already")
    return {"suspended_by": step.role}


async def _resume(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """A site goes on as it was: one that had not begun to operate has not begun by that."""
    _refuse_against_authority(step)
    return {"suspended_by": None, "state": await store.state_before(connection, step.filing["id"], State.SUSPENDED)}


async def _retire(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    _refuse_against_authority(step)
    return {}


async def _lapse(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """A file lapses only where what was promised on it has not come by the last day on which it might."""
    if not await broken(connection, step.now, step.filing["id"]):
        raise Conflict("no paper that was promised on this file is past the last day on which it may come")
    return {"due_on": None, "lapse_due_since": None}


async def _restore(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    """A file that has lapsed stands again as it did: begun or not."""
    if not step.order.document_number:
        raise Invalid.about("document_number", Reason("is missing"))
    last = await last_day_to_restore(connection, step.filing)
    if last is None:
        raise Conflict("another file has come in the place of this one, or its site is no more")
    if step.today > last:
        raise Conflict(Reason("could be restored until {day}; now the site is filed anew", day=last))
    return {"due_on": None, "state": await store.state_before(connection, step.filing["id"], State.LAPSED)}


async def _rate(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    if step.filing["rating"] is not None:
        raise Conflict("this filing has been rated already")
    rating = step.order.rating
    if rating is None or not WORST <= rating <= BEST:
        raise Invalid.about("rating", Reason("must be a number from {worst} to {best}", worst=WORST, best=BEST))
    if rating <= BAD and not step.order.reason:
        raise Invalid.about("reason", Reason("whoever is not satisfied says why"))
    return {"rating": rating, "rating_comment": step.order.reason or None, "rated_at": step.now}


async def _nothing_due(connection: asyncpg.Connection, step: Step) -> dict[str, Any]:
    return {"due_on": None}


def _refuse_against_authority(step: Step) -> None:
    if step.filing["suspended_by"] == Role.AUTHORITY and step.role is not Role.AUTHORITY:
        raise Forbidden("the authority has suspended this site; only the authority ends that")


def _check_reason(step: Step) -> None:
    withdrawn = step.order.command is Command.WITHDRAW and step.filing["state"] != State.DRAFT
    if (step.order.command in EXPLAINED or withdrawn) and not step.order.reason:
        raise Invalid.about("reason", Reason("is missing"))


PREPARE: dict[Command, Prepare] = {
    Command.SUBMIT: _submit,
    Command.ADMIT: _admit,
    Command.REQUIRE_SUPPLEMENT: _require_supplement,
    Command.ACCEPT: _accept,
    Command.REJECT: _reject,
    Command.START: _start,
    Command.SUSPEND: _suspend,
    Command.RESUME: _resume,
    Command.RETIRE: _retire,
    Command.LAPSE: _lapse,
    Command.RESTORE: _restore,
    Command.RATE: _rate,
}
