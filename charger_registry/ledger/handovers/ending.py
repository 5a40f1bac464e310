"""How a handover ends: on record, in the trail, and told."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.handover import Command, Handover, State, ended
from charger_registry.ledger.responsibility import Line
from youguan import audit
from youguan.events import Event, HandoverEnded

SYSTEM = "system"
OVERTAKEN = "somebody else manages by now, or who proposed it has no right to any more"


async def end(
    connection: asyncpg.Connection,
    handover: Handover,
    command: Command,
    *,
    by: str,
    now: datetime,
    answer: str,
) -> HandoverEnded:
    """End a handover of a site that is held; Conflict where it has ended already."""
    state: State = ended(handover, command, now)
    await store.end(connection, handover.id, state, by, now, answer)
    await audit.record(
        connection, at=now, actor=by, action=f"{command} handover", subject=f"site {handover.site_id}",
        before={"handover": handover.id, "state": handover.state}, after={"state": state, "reason": answer},
    )  # fmt: skip
    return HandoverEnded(
        handover_id=handover.id,
        site_id=handover.site_id,
        station_id=handover.station_id or None,
        from_organisation_id=handover.from_organisation_id or None,
        to_organisation_id=handover.to_organisation_id,
        outcome=state,
        reason=answer,
        at=now,
        proposer_id=handover.proposer_id,
    )


async def end_overtaken(connection: asyncpg.Connection, site_ids: Collection[str], now: datetime) -> list[Event]:
    """End the handovers of sites that are held where another one manages by now, or their proposer has lost his right."""
    found = await store.open_at(connection, site_ids)
    lines = await ledger.lines_of(connection, {handover.site_id for handover in found})
    return [
        await end(connection, handover, Command.OVERTAKE, by=SYSTEM, now=now, answer=OVERTAKEN)
        for handover in found
        if await is_overtaken(connection, handover, lines.get(handover.site_id, ()), now)
    ]


async def is_overtaken(
    connection: asyncpg.Connection, handover: Handover, lines: Sequence[Line], now: datetime
) -> bool:
    """Say whether a handover can be accepted no longer as the ledger, whose present lines of the site these are, has changed."""
    known_then = await ledger.lines(connection, handover.site_id, handover.proposed_at)
    return handover.is_overtaken(lines, known_then, now)
