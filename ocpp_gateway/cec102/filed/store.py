"""Statements about our connectors, sites and organisations by their codes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.eventlog import decode, encode
from youguan.events import OrganisationFiled, SiteFiled


async def file_codes(connection: asyncpg.Connection, filed: SiteFiled) -> None:
    """Let a site's connectors bear exactly the codes that are filed."""
    await connection.execute("DELETE FROM gateway.connector_code WHERE site_id = $1", filed.site_id)
    await connection.executemany(
        """
        INSERT INTO gateway.connector_code VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (station_id, connector) DO UPDATE SET site_id = excluded.site_id, operator_code = excluded.operator_code,
            cec_station_id = excluded.cec_station_id, cec_equipment_id = excluded.cec_equipment_id,
            cec_connector_id = excluded.cec_connector_id
        """,
        [
            (
                station.station_id,
                connector.connector,
                filed.site_id,
                filed.operator_code,
                filed.cec_station_id,
                station.cec_equipment_id,
                connector.cec_connector_id,
            )
            for station in filed.stations
            for connector in station.connector_files
            if filed.operator_code is not None
        ],
    )


async def retire_codes(connection: asyncpg.Connection, site_id: str) -> None:
    await connection.execute("DELETE FROM gateway.connector_code WHERE site_id = $1", site_id)


async def file_site(connection: asyncpg.Connection, filed: SiteFiled, at: datetime) -> None:
    """Keep a site's whole file."""
    await connection.execute(
        """
        INSERT INTO gateway.filed_site (site_id, operator_code, cec_station_id, file, retired, changed_at)
        VALUES ($1, $2, $3, $4, false, $5)
        ON CONFLICT (site_id) DO UPDATE SET operator_code = excluded.operator_code, cec_station_id = excluded.cec_station_id,
            file = excluded.file, retired = false, changed_at = excluded.changed_at
        """,
        filed.site_id,
        filed.operator_code,
        filed.cec_station_id,
        orjson.loads(encode(filed)),
        at,
    )


async def retire_site(connection: asyncpg.Connection, site_id: str, at: datetime) -> None:
    """Let a site be no more; its last file stays, to be told as closed."""
    await connection.execute(
        "UPDATE gateway.filed_site SET retired = true, changed_at = $2 WHERE site_id = $1", site_id, at
    )


async def sites_filed(connection: asyncpg.Connection, operator_code: str | None = None) -> list[SiteFiled]:
    """Return the files of the sites that have codes, of an operator or all, in the order of their ids."""
    return [file_of(row["file"]) for row in await files_of(connection, operator_code)]


async def files_of(connection: asyncpg.Connection, operator_code: str | None = None) -> list[asyncpg.Record]:
    """Return the same files, not read yet."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT file FROM gateway.filed_site WHERE NOT retired AND operator_code IS NOT NULL AND cec_station_id IS NOT NULL
          AND ($1::text IS NULL OR operator_code = $1) ORDER BY site_id
        """,
        operator_code,
    )
    return rows


async def sites_stamp(connection: asyncpg.Connection, operator_code: str) -> asyncpg.Record:
    """Return what is another whenever a file of an operator's sites is: how many there are, and when the latest changed."""
    return await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE NOT retired), max(changed_at) FROM gateway.filed_site WHERE operator_code = $1",
        operator_code,
    )


async def sites_page(
    connection: asyncpg.Connection, since: datetime | None, offset: int, limit: int
) -> tuple[int, list[tuple[SiteFiled, bool]]]:
    """Return how many sites with codes have changed since a time, and the files of some of them, each with whether it is retired.

    None: all that there are; one that is no more is a change, and nobody learns of it otherwise.
    """
    coded = "operator_code IS NOT NULL AND cec_station_id IS NOT NULL"
    condition = f"{coded} AND (changed_at >= $1 OR $1::timestamptz IS NULL AND NOT retired)"
    count = await connection.fetchval(f"SELECT count(*) FROM gateway.filed_site WHERE {condition}", since)
    rows = await connection.fetch(
        f"SELECT file, retired FROM gateway.filed_site WHERE {condition} ORDER BY site_id OFFSET $2 LIMIT $3",
        since,
        offset,
        limit,
    )
    return count, [(file_of(row["file"]), row["retired"]) for row in rows]


def file_of(file: Mapping[str, Any]) -> SiteFiled:
    """Return a stored file."""
    filed = decode(SiteFiled.__name__, file)
    assert isinstance(filed, SiteFiled)
    return filed


async def file_organisation(connection: asyncpg.Connection, filed: OrganisationFiled) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.organisation VALUES ($1, $2, $3)
        ON CONFLICT (organisation_id) DO UPDATE SET name = excluded.name, uscc = excluded.uscc
        """,
        filed.organisation_id,
        filed.name,
        filed.uscc,
    )


async def organisations(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return who may own a platform."""
    rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM gateway.organisation ORDER BY organisation_id")
    return rows


async def places_of(
    connection: asyncpg.Connection, operator_id: str, connector_ids: Collection[str]
) -> dict[str, list[tuple[str, int]]]:
    """Return connector id → every (station, connector) that is filed under it for an operator: one, unless it is ambiguous."""
    rows = await connection.fetch(
        """
        SELECT cec_connector_id, station_id, connector FROM gateway.connector_code
        WHERE operator_code = $1 AND cec_connector_id = ANY($2) ORDER BY station_id, connector
        """,
        operator_id,
        list(connector_ids),
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        found.setdefault(row["cec_connector_id"], []).append((row["station_id"], row["connector"]))
    return found


async def ambiguous(connection: asyncpg.Connection, operator_id: str, limit: int) -> list[asyncpg.Record]:
    """Return the codes of an operator that several connectors bear, each with those connectors."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT cec_connector_id, array_agg(station_id || ' ' || connector ORDER BY station_id, connector) AS places
        FROM gateway.connector_code WHERE operator_code = $1
        GROUP BY cec_connector_id HAVING count(*) > 1 ORDER BY cec_connector_id LIMIT $2
        """,
        operator_id,
        limit,
    )
    return rows


async def sites_of(connection: asyncpg.Connection, operator_id: str) -> list[str]:
    """Return the T/CEC 102 ids of the sites that are filed for an operator."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT cec_station_id FROM gateway.connector_code
        WHERE operator_code = $1 AND cec_station_id IS NOT NULL ORDER BY 1
        """,
        operator_id,
    )
    return [row["cec_station_id"] for row in rows]


async def codes_of(connection: asyncpg.Connection, station_id: str) -> list[asyncpg.Record]:
    """Return a station's connectors that have codes, with what they are now (null: nothing was said yet)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.*, n.condition FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        WHERE c.station_id = $1 ORDER BY c.connector
        """,
        station_id,
    )
    return rows


async def every_code(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return every connector that has codes and has said something, with what it is now; offline: what nobody reaches."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.*, CASE WHEN s.state = 'offline' THEN 'unavailable' ELSE n.condition END AS condition, n.effective_at
        FROM gateway.connector_code c JOIN gateway.connector_now n USING (station_id, connector)
        LEFT JOIN gateway.station_now s USING (station_id) ORDER BY c.station_id, c.connector
        """
    )
    return rows


async def operators_of(connection: asyncpg.Connection, cec_station_id: str) -> list[str]:
    """Return the OperatorIDs under which a site of this id is filed: an id is one operator's own, and another may use it too."""
    rows = await connection.fetch(
        "SELECT DISTINCT operator_code FROM gateway.connector_code WHERE cec_station_id = $1 ORDER BY 1", cec_station_id
    )
    return [row["operator_code"] for row in rows]


async def statuses_of(
    connection: asyncpg.Connection, operator_id: str | None, cec_station_ids: Sequence[str]
) -> list[asyncpg.Record]:
    """Return what the connectors of sites are, of one operator or all, by their codes; offline: what nobody reaches."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.operator_code, c.cec_station_id, c.cec_connector_id,
               CASE WHEN s.state = 'offline' THEN 'unavailable' ELSE n.condition END AS condition
        FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        LEFT JOIN gateway.station_now s USING (station_id)
        WHERE c.cec_station_id = ANY($1) AND ($2::text IS NULL OR c.operator_code = $2)
        ORDER BY c.cec_station_id, c.operator_code, c.cec_connector_id
        """,
        list(cec_station_ids),
        operator_id,
    )
    return rows


ConnectorKey = tuple[str, str, int]
"""What sorts a platform's connectors: its id of one, which several may bear, and ours."""


async def connectors(
    connection: asyncpg.Connection, scope: Scope, operator_id: str, after: ConnectorKey | None, limit: int
) -> list[asyncpg.Record]:
    """Return a platform's connectors within somebody's bounds, by its ids, with what each said last (null: nothing yet)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.cec_connector_id, c.station_id, c.connector, n.status, n.condition, n.occurred_at, n.received_at
        FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        WHERE c.operator_code = $1
          AND ($2::text IS NULL OR (c.cec_connector_id, c.station_id, c.connector) > ($2, $3::text, $4::int))
          AND {site_within("c.site_id", 6)}
        ORDER BY c.cec_connector_id, c.station_id, c.connector LIMIT $5
        """,
        operator_id,
        *(after or (None, None, None)),
        limit,
        *scope.parameters,
    )
    return rows


async def connector_times(connection: asyncpg.Connection, operator_id: str) -> list[asyncpg.Record]:
    """Return every connector of a platform with when it was last heard of, be it that nothing had changed."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_connector_id, greatest(n.received_at, c.confirmed_at) AS received_at FROM gateway.connector_code c
        LEFT JOIN gateway.connector_now n USING (station_id, connector) WHERE c.operator_code = $1 ORDER BY 1
        """,
        operator_id,
    )
    return rows
