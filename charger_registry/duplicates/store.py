"""The statements about sites that may be one."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.duplicates.resemblance import FARTHEST_M, METRES_A_DEGREE, Place, Resemblance, compare
from charger_registry.equipment.taking_in.store import SITE_FIELDS
from charger_registry.filing.machine import STANDING, UNDECIDED
from charger_registry.filing.papers import store as paper_store
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason

DEGREES = FARTHEST_M / METRES_A_DEGREE
# Of a site `s`: its equipment by maker and serial number, by code within its operator, and by the ids of its EVSEs.
PLACE = """
s.id, s.name, s.address, s.longitude, s.latitude, s.cec_station_id,
(SELECT array_agg(DISTINCT e) FROM registry.station t LEFT JOIN registry.evse v ON v.station_id = t.id,
        unnest(ARRAY[t.vendor || ' ' || t.serial_number, s.operator_code || ' ' || t.cec_equipment_id, v.evse_id]) e
 WHERE t.site_id = s.id AND t.retired_at IS NULL AND e IS NOT NULL) AS equipment
"""
NEIGHBOURS = """
SELECT DISTINCT least(a.id COLLATE "C", b.id COLLATE "C") AS first, greatest(a.id COLLATE "C", b.id COLLATE "C") AS second
FROM registry.site a JOIN registry.site b ON b.id <> a.id AND b.retired_at IS NULL
     AND point(b.longitude, b.latitude) <@ box(point(a.longitude - $2 / cos(radians(a.latitude)), a.latitude - $2),
                                               point(a.longitude + $2 / cos(radians(a.latitude)), a.latitude + $2))
WHERE a.id = ANY($1) AND a.retired_at IS NULL
UNION
SELECT DISTINCT least(x.site_id COLLATE "C", y.site_id COLLATE "C"), greatest(x.site_id COLLATE "C", y.site_id COLLATE "C")
FROM registry.station x JOIN registry.station y
     ON y.serial_number = x.serial_number AND y.vendor = x.vendor AND y.site_id <> x.site_id AND y.retired_at IS NULL
WHERE x.site_id = ANY($1) AND x.retired_at IS NULL
UNION
SELECT DISTINCT least(a.id COLLATE "C", b.id COLLATE "C"), greatest(a.id COLLATE "C", b.id COLLATE "C")
FROM registry.site a JOIN registry.station x ON x.site_id = a.id AND x.retired_at IS NULL
JOIN registry.station y ON y.cec_equipment_id = x.cec_equipment_id AND y.site_id <> a.id AND y.retired_at IS NULL
JOIN registry.site b ON b.id = y.site_id AND b.operator_code = a.operator_code
WHERE a.id = ANY($1)
UNION
SELECT DISTINCT least(x.site_id COLLATE "C", y.site_id COLLATE "C"), greatest(x.site_id COLLATE "C", y.site_id COLLATE "C")
FROM registry.station x JOIN registry.evse v ON v.station_id = x.id
JOIN registry.evse w ON w.evse_id = v.evse_id AND w.station_id <> v.station_id
JOIN registry.station y ON y.id = w.station_id AND y.site_id <> x.site_id AND y.retired_at IS NULL
WHERE x.site_id = ANY($1) AND x.retired_at IS NULL
"""


async def propose(connection: asyncpg.Connection, site_ids: Sequence[str], now: datetime) -> int:
    """Hold sites against their neighbours and propose those that look like one; decided stays decided. Return how many are new."""
    pairs = await connection.fetch(NEIGHBOURS, list(site_ids), DEGREES)
    places = await _places(connection, {site_id for pair in pairs for site_id in (pair["first"], pair["second"])})
    found = [
        (pair["first"], pair["second"], compare(places[pair["first"]], places[pair["second"]]))
        for pair in pairs
        if pair["first"] in places and pair["second"] in places
    ]
    return await _keep(connection, [line for line in found if line[2].is_proposed], now)


async def _places(connection: asyncpg.Connection, site_ids: Iterable[str]) -> dict[str, Place]:
    rows = await connection.fetch(
        f"SELECT {PLACE} FROM registry.site s WHERE s.id = ANY($1) AND s.retired_at IS NULL", list(site_ids)
    )
    return {
        row["id"]: Place(
            site_id=row["id"],
            name=row["name"],
            address=row["address"],
            longitude=row["longitude"],
            latitude=row["latitude"],
            cec_station_id=row["cec_station_id"],
            equipment=frozenset(row["equipment"] or ()),
        )
        for row in rows
    }


async def _keep(connection: asyncpg.Connection, found: Sequence[tuple[str, str, Resemblance]], now: datetime) -> int:
    rows = await connection.fetch(
        """
        INSERT INTO registry.duplicate (first, second, score, reasons, found_at, state)
        SELECT first, second, score, reasons, $2, 'proposed'
        FROM jsonb_to_recordset($1) AS d (first text, second text, score integer, reasons jsonb)
        ON CONFLICT (first, second) DO UPDATE SET score = excluded.score, reasons = excluded.reasons
            WHERE registry.duplicate.state = 'proposed'
        RETURNING xmax = 0 AS is_new
        """,
        [{"first": a, "second": b, "score": r.score, "reasons": r.reasons} for a, b, r in found],
        now,
    )
    return sum(row["is_new"] for row in rows)


LISTED = """
SELECT d.*, a.name AS first_name, a.address AS first_address, b.name AS second_name, b.address AS second_address,
       (SELECT count(*) FROM registry.station t WHERE t.site_id = a.id AND t.retired_at IS NULL) AS first_stations,
       (SELECT count(*) FROM registry.station t WHERE t.site_id = b.id AND t.retired_at IS NULL) AS second_stations
FROM registry.duplicate d JOIN registry.site a ON a.id = d.first JOIN registry.site b ON b.id = d.second
"""


async def proposed(
    connection: asyncpg.Connection, scope: Scope, after: tuple[int, str, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return pairs that nobody has decided about and of which both sites stand and lie within the bounds, the likeliest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {LISTED} WHERE d.state = 'proposed' AND a.retired_at IS NULL AND b.retired_at IS NULL
          AND ($1::int IS NULL OR (-d.score, d.first, d.second) > (-$1, $2::text, $3::text))
          AND {site_within("a.id", 5)} AND {site_within("b.id", 5)}
        ORDER BY d.score DESC, d.first, d.second LIMIT $4
        """,
        *(after or (None, None, None)),
        limit,
        *scope.parameters,
    )
    return rows


async def get_pair(connection: asyncpg.Connection, first: str, second: str, scope: Scope) -> asyncpg.Record:
    """Return a pair; NotFound."""
    row = await connection.fetchrow(
        f"""
        {LISTED} WHERE d.first = $1 AND d.second = $2 AND {site_within("a.id", 3)} AND {site_within("b.id", 3)}
        """,
        first,
        second,
        *scope.parameters,
    )
    if row is None:
        raise NotFound(Reason("pair {first}, {second}", first=first, second=second))
    return row


async def side_by_side(connection: asyncpg.Connection, site_ids: Sequence[str]) -> dict[str, asyncpg.Record]:
    """Return sites with what a person compares: everything filed, their stations, who manages them."""
    rows = await connection.fetch(
        """
        SELECT s.*, d.name AS division_name,
               (SELECT array_agg(t ORDER BY t.id) FROM registry.station t
                WHERE t.site_id = s.id AND t.retired_at IS NULL) AS stations,
               (SELECT string_agg(o.name, '、') FROM registry.responsibility r
                JOIN registry.organisation o ON o.id = r.organisation_id
                WHERE r.site_id = s.id AND r.role = 'manager' AND upper_inf(r.believed) AND r.during @> now()) AS manager
        FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code WHERE s.id = ANY($1)
        """,
        list(site_ids),
    )
    return {row["id"]: row for row in rows}


async def decide(
    connection: asyncpg.Connection, pair: tuple[str, str], state: str, by: str, reason: str, now: datetime
) -> bool:
    """Note a decision; say False where somebody has decided already."""
    done = await connection.execute(
        """
        UPDATE registry.duplicate SET state = $3, decided_by = $4, reason = $5, decided_at = $6
        WHERE first = $1 AND second = $2 AND state = 'proposed'
        """,
        *pair,
        state,
        by,
        reason,
        now,
    )
    return bool(done.endswith(" 1"))


async def merge(
    connection: asyncpg.Connection, kept: str, gone: str, move: Sequence[str], now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """Let one site become part of another: the stations named move, the others are retired; what the kept one lacks it takes over.

    Return what it took over, and which stations are retired.
    """
    await connection.execute(
        "UPDATE registry.site SET retired_at = $2, merged_into = $3, updated_at = $2 WHERE id = $1", gone, now, kept
    )
    await connection.execute(
        "UPDATE registry.station SET site_id = $3, updated_at = $4 WHERE site_id = $1 AND id = ANY($2)",
        gone,
        list(move),
        kept,
        now,
    )
    retired = await connection.fetch(
        "UPDATE registry.station SET retired_at = $2 WHERE site_id = $1 AND retired_at IS NULL RETURNING id", gone, now
    )
    names = [name for name in SITE_FIELDS if name not in ("ocpi_country_code", "ocpi_party_id", "ocpi_location_id")]
    before = await connection.fetchrow(f"SELECT {', '.join(names)} FROM registry.site WHERE id = $1", kept)
    after = await connection.fetchrow(
        f"""
        UPDATE registry.site k SET updated_at = $3, {", ".join(f"{name} = coalesce(k.{name}, g.{name})" for name in names)}
        FROM registry.site g WHERE k.id = $1 AND g.id = $2 RETURNING {", ".join(f"k.{name}" for name in names)}
        """,
        kept,
        gone,
        now,
    )
    assert before is not None
    assert after is not None
    taken = {name: after[name] for name in names if before[name] is None and after[name] is not None}
    return taken, [row["id"] for row in retired]


async def move_photos(connection: asyncpg.Connection, kept: str, gone: str) -> int:
    """Let the photos of one site be another's, those that were taken down too; return how many."""
    rows = await connection.fetch(
        "UPDATE registry.site_photo SET site_id = $1 WHERE site_id = $2 RETURNING id", kept, gone
    )
    return len(rows)


async def move_filings(connection: asyncpg.Connection, kept: str, gone: str) -> tuple[list[str], list[asyncpg.Record]]:
    """Let filings of one site be another's, unless that has such a one already; return those moved, and those left open.

    What was said about papers and promises was said of a site that is no more: what still holds is told anew of the kept one.
    """
    moved = await connection.fetch(
        """
        UPDATE registry.filing f SET site_id = $1
        WHERE site_id = $2 AND NOT EXISTS (
            SELECT FROM registry.filing k WHERE k.site_id = $1 AND (
                (k.state = ANY($3) AND f.state = ANY($3)) OR (k.state = ANY($4) AND f.state = ANY($4))
            )
        ) RETURNING id
        """,
        kept,
        gone,
        STANDING,
        UNDECIDED,
    )
    await paper_store.tell_anew(connection, [row["id"] for row in moved])
    left = await connection.fetch(
        "SELECT * FROM registry.filing WHERE site_id = $1 AND state = ANY($2) ORDER BY id FOR UPDATE",
        gone,
        [*STANDING, *UNDECIDED],
    )
    return sorted(row["id"] for row in moved), left
