"""How a command's end becomes durable: in the recorder's commit, together with the frame that brought it."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.commands import store
from ocpp_gateway.observation import CommandOutcome
from ocpp_gateway.protocol.secrets import verdict
from youguan.events import CommandEnded, Event, StationKeyAnswered

KEY_ACTIONS = ("ChangeConfiguration", "SetVariables")


async def write_outcomes(connection: asyncpg.Connection, outcomes: Sequence[CommandOutcome]) -> list[Event]:
    """Note how commands ended and tell it; the first end of each stays."""
    ended = await store.end_commands(connection, outcomes)
    return [*(told(outcome) for outcome in ended), *await answered_keys(connection, ended)]


async def answered_keys(connection: asyncpg.Connection, ended: Sequence[CommandOutcome]) -> list[Event]:
    """Return what stations said to new keys that the ended commands told them."""
    asked = [outcome for outcome in ended if outcome.action in KEY_ACTIONS]
    found = await store.rotations(connection, [outcome.command_id for outcome in asked]) if asked else {}
    return [
        StationKeyAnswered(
            station_id=outcome.station_id, digest=found[outcome.command_id],
            verdict=verdict(outcome.state, outcome.answer), at=outcome.at,
        )
        for outcome in asked
        if outcome.command_id in found
    ]  # fmt: skip


def told(outcome: CommandOutcome) -> CommandEnded:
    """Return the event of an outcome."""
    return CommandEnded(
        station_id=outcome.station_id,
        command_id=outcome.command_id,
        action=outcome.action,
        state=outcome.state,
        at=outcome.at,
    )
