"""How a command's end becomes durable: in the recorder's commit, together with the frame that brought it."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.commands import store
from ocpp_gateway.observation import CommandOutcome
from youguan.events import CommandEnded, Event


async def write_outcomes(connection: asyncpg.Connection, outcomes: Sequence[CommandOutcome]) -> list[Event]:
    """Note how commands ended and tell it; the first end of each stays."""
    return [told(outcome) for outcome in await store.end_commands(connection, outcomes)]


def told(outcome: CommandOutcome) -> CommandEnded:
    """Return the event of an outcome."""
    return CommandEnded(
        station_id=outcome.station_id,
        command_id=outcome.command_id,
        action=outcome.action,
        state=outcome.state,
        at=outcome.at,
    )
