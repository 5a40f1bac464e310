"""Emptying a province's queue: several reports at once where its profile says so, again and again until each is taken."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from ocpp_gateway.cec102.client import Away, Caller, Refusing, Stumbled
from ocpp_gateway.cec102.envelope import Ret
from ocpp_gateway.cec102.upward import store
from ocpp_gateway.cec102.upward.lanes import outcome_of, ready
from ocpp_gateway.cec102.upward.reports import Met, reply_of, worded
from youguan.clock import Clock

log = logging.getLogger(__name__)

A_ROUND = 200  # reports to one province between two looks
LOOKED_AT = (100, 1000)  # of those that wait; of more only where none of the first can go up
OF_US = (Ret.SIGNATURE, Ret.TOKEN)  # what is wrong is how we speak, not what is told: it keeps


class Sender:
    """Visits provinces."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def visit(self, caller: Caller) -> None:
        """Send what is due, until nothing is, or the province deals with nothing."""
        sent = 0
        while sent < A_ROUND:
            reports = await self._ready(caller)
            if not reports:
                return
            told = await asyncio.gather(*(_tell(caller, report) for report in reports))
            if await self._note(caller, reports, told):
                return
            sent += len(reports)

    async def _ready(self, caller: Caller) -> Sequence[asyncpg.Record]:
        """Return what goes up now; of a state that could not be told in time the newest alone."""
        operator_id, now = caller.peer.operator_id, self._clock.now()
        async with self._pool.acquire() as connection:
            pause = await store.pause_of(connection, operator_id)
            if pause.until is not None and pause.until > now:
                return ()
            found = await _first(connection, caller, now)
            if pause.in_vain or any(report["tries"] for report in found):
                await store.overtake(connection, operator_id, now, everything=pause.in_vain > 0)
                found = await _first(connection, caller, now)
        return found

    async def _note(self, caller: Caller, reports: Sequence[asyncpg.Record], told: Sequence[tuple[Met, str]]) -> bool:
        """Note how reports were taken; True where the province dealt with none, and is to be left alone for a while."""
        profile, operator_id, now = caller.peer.profile, caller.peer.operator_id, self._clock.now()
        outcome = outcome_of([(report, met) for report, (met, _) in zip(reports, told, strict=True)], profile)
        async with self._pool.acquire() as connection, connection.transaction():
            pause = await store.pause_of(connection, operator_id)
            until = now + timedelta(seconds=profile.pause_s(pause.in_vain + 1))
            for report, (_, words), tried in zip(reports, told, outcome.tried, strict=True):
                due_at = until if outcome.in_vain else now + timedelta(seconds=profile.pause_s(report["tries"] + 1))
                await store.note_try(connection, report["id"], tried, now, due_at, words or None)
                if words:
                    log.warning("report %d to %s: %s", report["id"], operator_id, words)
            if any(tried.state == "taken" for tried in outcome.tried):
                await store.note_taken(connection, operator_id, now)
            if outcome.in_vain:
                await store.pause(connection, operator_id, until)
            elif pause.in_vain:
                await store.end_pause(connection, operator_id)
        return outcome.in_vain


async def _first(connection: asyncpg.Connection, caller: Caller, now: datetime) -> Sequence[asyncpg.Record]:
    """Return what could go up now; where much waits for something else, what comes behind that."""
    found: Sequence[asyncpg.Record] = ()
    for limit in LOOKED_AT:
        waiting = await store.waiting(connection, caller.peer.operator_id, limit)
        found = ready(waiting, now, caller.peer.profile.at_once)
        if found or len(waiting) < limit:
            break
    return found


async def _tell(caller: Caller, report: asyncpg.Record) -> tuple[Met, str]:
    """Tell one report, in the words that its province has now; return how it went, and why."""
    profile, kind, content = caller.peer.profile, report["kind"], report["content"]
    if kind not in profile.sends:
        return "refused", f"this profile knows no message for a {kind}"
    try:
        answer = await caller.ask(kind, worded(kind, content, profile))
    except Stumbled as stumbled:
        return "stumbled", str(stumbled)
    except Away as away:
        return "away", str(away)
    except Refusing as refusing:
        return _refused_as(refusing, profile.held_already), str(refusing)
    except Exception as error:  # one that we cannot put into words holds up no other for ever
        log.exception("report %d to %s", report["id"], caller.peer.operator_id)
        return "stumbled", f"could not be told: {type(error).__name__}"
    return reply_of(kind, content, answer, profile)


def _refused_as(refusing: Refusing, held_already: int | None) -> Met:
    if refusing.ret in OF_US:
        return "misunderstood"
    if refusing.ret == held_already:
        return "held"
    return "stumbled" if refusing.ret == Ret.ENVELOPE else "refused"
