"""How notifications become durable: in the recorder's commit, with what of them alarms."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.notifications import store
from ocpp_gateway.notifications.security import told_of
from ocpp_gateway.observation import Notified
from youguan.events import Event


async def write_notifications(connection: asyncpg.Connection, notified: Sequence[Notified]) -> list[Event]:
    """Keep notifications, repeats left out, and tell of those that endanger a station's security."""
    fresh = await store.insert_notifications(connection, notified)
    return [event for event in map(told_of, fresh) if event is not None]
