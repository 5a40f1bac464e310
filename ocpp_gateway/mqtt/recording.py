"""How it becomes durable which of the broker's deliveries are stored: in the recorder's commit, with what they say."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.mqtt import store
from ocpp_gateway.observation import MqttDelivered
from youguan.events import Event


async def write_delivered(connection: asyncpg.Connection, delivered: Sequence[MqttDelivered]) -> list[Event]:
    """Note the deliveries; of a number that is used again the latest."""
    await store.note_delivered(connection, {(each.slot, each.number): each for each in delivered}.values())
    return []
