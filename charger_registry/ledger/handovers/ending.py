"""How a handover ends: on record, in the trail, and told."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from charger_registry.ledger.handovers import store
from charger_registry.ledger.handovers.handover import Command, Handover, State, ended
from charger_registry.ledger.responsibility import Line
from youguan import audit
from youguan.events import Event, HandoverEnded

SYSTEM = "system"


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
    )


async def end_overtaken(
    connection: asyncpg.Connection, site_id: str, lines: Sequence[Line], now: datetime
) -> list[Event]:
    """End the handovers of a site that is held whose manager is another one by now than when they were proposed."""
    return [
        await end(
            connection, handover, Command.OVERTAKE, by=SYSTEM, now=now, answer="somebody else manages by now"
        )
        for handover in await store.open_at(connection, [site_id])
        if handover.is_overtaken(lines, now)
    ]  # fmt: skip
