"""Answering what a province asks."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.profiles import Profile
from ocpp_gateway.cec102.upward import store
from ocpp_gateway.cec102.upward.questions import (
    StationsAsked,
    StatsAsked,
    StatusesAsked,
    operator_meant,
    read_question,
    stations_answer,
    stats_answer,
    statuses_answer,
)


async def answer_to(
    connection: asyncpg.Connection, kind: str, document: Mapping[str, Any], profile: Profile
) -> dict[str, Any]:
    """Return what a province asked for; Unusable names the member of its question that cannot be used."""
    match read_question(kind, document, profile):
        case StationsAsked() as asked:
            offset = (asked.page - 1) * asked.size
            total, sites = await registry.sites_page(connection, asked.since, offset, asked.size)
            return stations_answer(asked, total, sites, profile)
        case StatusesAsked() as asked:
            return statuses_answer(await registry.statuses_of(connection, asked.operator_id, asked.station_ids))
        case StatsAsked() as asked:
            meant = operator_meant(asked, await registry.operators_of(connection, asked.station_id))
            rows = await store.energies(connection, meant, asked.station_id, asked.since, asked.until)
            return stats_answer(asked, rows)
