"""What is stored seldom: a table of who writes which kind of observation, each in the recorder's own commit."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg

from ocpp_gateway.authorisation import recording as authorisation
from ocpp_gateway.authorisation.facts import ChargingProfileFact, LocalListFact, ReservationFact
from ocpp_gateway.cec102.intake import recording as platforms
from ocpp_gateway.certificates import store as certificates
from ocpp_gateway.commands import recording as commands
from ocpp_gateway.devices import recording as devices
from ocpp_gateway.mqtt import recording as mqtt
from ocpp_gateway.notifications import recording as notifications
from ocpp_gateway.observation import (
    CertificateRequested,
    ClockMeasured,
    CommandOutcome,
    Excess,
    MonitorsReported,
    MqttDelivered,
    Notified,
    Observation,
    PlatformOperatorTold,
    PlatformOrderTold,
    PlatformSaid,
    PlatformSiteTold,
    PlatformStatsTold,
    RelayGap,
    SensorRead,
    SpoolDrained,
    StreamBound,
    StreamTold,
    UpstreamMet,
    VariablesReported,
)
from ocpp_gateway.relay import recording as relay
from ocpp_gateway.sensors import recording as sensors
from youguan.events import Event

Writer = Callable[[asyncpg.Connection, Sequence[Any]], Awaitable[Sequence[Event | Excess]]]
"""Stores observations of one kind, in the order of receipt, and returns what is news and what is not kept."""

WRITERS: Mapping[type[Any], Writer] = {
    ReservationFact: authorisation.write_reservations,
    LocalListFact: authorisation.write_local_lists,
    ChargingProfileFact: authorisation.write_charging_profiles,
    Notified: notifications.write_notifications,
    CommandOutcome: commands.write_outcomes,
    VariablesReported: devices.write_variables,
    MonitorsReported: devices.write_monitors,
    StreamBound: devices.write_streams,
    StreamTold: devices.write_streamed,
    ClockMeasured: devices.write_clocks,
    SensorRead: sensors.write_readings,
    CertificateRequested: certificates.write_requests,
    PlatformSiteTold: platforms.write_sites,
    PlatformOperatorTold: platforms.write_operators,
    PlatformOrderTold: platforms.write_orders,
    PlatformStatsTold: platforms.write_stats,
    PlatformSaid: platforms.write_said,
    UpstreamMet: relay.write_met,
    SpoolDrained: relay.write_drained,
    RelayGap: relay.write_gaps,
    MqttDelivered: mqtt.write_delivered,
}


async def write(
    connection: asyncpg.Connection, observations: Sequence[Observation]
) -> tuple[list[Event], list[Excess]]:
    """Store what was observed, kind by kind; return what is news and what is not kept."""
    events: list[Event] = []
    excess: list[Excess] = []
    for kind, writer in WRITERS.items() if observations else ():
        found = [observation for observation in observations if isinstance(observation, kind)]
        for said in await writer(connection, found) if found else ():
            if isinstance(said, Excess):
                excess.append(said)
            else:
                events.append(said)
    return events, excess
