"""Holding what platforms file against what is filed here: anew only when either has changed, and beside the event loop."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.quality import Consistency, SiteTold, consistency_of


class Compared(NamedTuple):
    """The connector ids of a platform's own files, and how far those agree with the registry's."""

    connector_ids: frozenset[str]
    consistency: Consistency


class Comparing:
    """Remembers of each platform what its files came to, and as of which files."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], Compared]] = {}

    async def of(self, connection: asyncpg.Connection, operator_id: str) -> Compared:
        """Return what a platform's files come to now."""
        stamp = (
            *await intake.sites_stamp(connection, operator_id),
            *await registry.sites_stamp(connection, operator_id),
        )  # fmt: skip
        known = self._known.get(operator_id)
        if known is not None and known[0] == stamp:
            return known[1]
        told = await intake.sites_told(connection, operator_id)
        filed = await registry.files_of(connection, operator_id)
        found = await asyncio.to_thread(_compared, told, filed)
        self._known[operator_id] = stamp, found
        return found


def _compared(told: Sequence[asyncpg.Record], filed: Sequence[asyncpg.Record]) -> Compared:
    sites = [site_of(row) for row in told]
    consistency = consistency_of(sites, [registry.file_of(row["file"]) for row in filed])
    return Compared(frozenset(connector_id for site in sites for connector_id in site.power_w), consistency)


def site_of(row: asyncpg.Record) -> SiteTold:
    """Return a stored site of a platform; nobody knows where it is that lacks one of its coordinates."""
    point = None if None in (row["longitude"], row["latitude"]) else (row["longitude"], row["latitude"])
    power_w = {c[0]: c[2] for c in row["connectors"]}
    return SiteTold(row["cec_station_id"], row["name"], point, power_w, row["operating"])
