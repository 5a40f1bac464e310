"""The ledger's statements. A line is written once; all that ever changes of it is until when it was believed."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import RoleDraft
from charger_registry.ledger.amendment import Amendment, recorded_at
from charger_registry.ledger.history import Recorded
from charger_registry.ledger.responsibility import Evidence, Line
from charger_registry.ledger.unmanaged.judging import judge_management, sites_to_judge
from youguan.auth import Scope
from youguan.bounds import ANSWERING, site_within
from youguan.errors import Conflict, NotFound, Reason
from youguan.events import NOT_FOR_THE_PUBLIC, Event, ResponsibilitiesChanged, ResponsibilityEntry

LINES = """
SELECT r.*, lower(r.during) AS since, upper(r.during) AS until, lower(r.believed) AS believed_from,
       upper(r.believed) AS believed_until, o.name AS organisation_name, {ceased} AS ceased_at
FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
"""
NOW_KNOWN = "o.deregistered_at"
# An end that was undone was believed until then.
KNOWN_THEN = """
CASE WHEN $2::timestamptz IS NULL OR o.deregistration_known_at <= $2 THEN o.deregistered_at ELSE (
    SELECT min(u.deregistered_at) FROM registry.undone_deregistration u WHERE u.organisation_id = o.id AND u.believed @> $2
) END
"""
# Nothing is known to be otherwise at the end of all time: that is what is believed now.
BELIEVED = LINES.format(ceased=KNOWN_THEN) + (
    "WHERE r.site_id = ANY($1::text[]) AND r.believed @> coalesce($2::timestamptz, 'infinity') "
    "ORDER BY r.site_id, lower(r.during), r.id"
)
LAST_RECORDED = "SELECT max(greatest(lower(believed), upper(believed))) FROM registry.responsibility WHERE site_id = $1"


# --- reading ----------------------------------------------------------------------------------------------------


async def ledger(
    connection: asyncpg.Connection, site_id: str, as_known_at: datetime | None = None
) -> list[asyncpg.Record]:
    """Return the lines of a site as they are believed now, or were at an instant."""
    rows: list[asyncpg.Record] = await connection.fetch(BELIEVED, [site_id], as_known_at)
    return rows


async def lines(connection: asyncpg.Connection, site_id: str, as_known_at: datetime | None = None) -> list[Line]:
    """Return the same as the rules read it."""
    return [line_of(row) for row in await ledger(connection, site_id, as_known_at)]


async def lines_of(connection: asyncpg.Connection, site_ids: Collection[str]) -> dict[str, list[Line]]:
    """Return the lines of each of many sites as they are believed now."""
    return _as_lines(await _by_site(connection, site_ids))


async def ever_recorded(connection: asyncpg.Connection, site_id: str) -> list[Recorded]:
    """Return every line that was ever believed of a site."""
    said = LINES.format(ceased=NOW_KNOWN)
    rows = await connection.fetch(said + "WHERE r.site_id = $1 ORDER BY lower(r.believed), r.id", site_id)
    return [
        Recorded(
            line_of(row), row["believed_from"], row["believed_until"], row["recorded_by"], row["reason"],
            row["withdrawn_by"], row["withdrawn_reason"],
        )
        for row in rows
    ]  # fmt: skip


async def sees_ledger(connection: asyncpg.Connection, scope: Scope, site_id: str) -> bool:
    """Say whether a site lies within bounds, or lay there when it was retired: what was so then is answered for ever."""
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM registry.site s WHERE s.id = $1 AND {ledger_within(2)})",
        site_id,
        *scope.parameters,
    )
    return found


def hidden_from(first: int) -> str:
    """Return the condition that a site `s` is somebody's own and a scope gives no right in it (parameters from `$first` on).

    Whoever has any role there now has one.
    """
    return f"""coalesce(s.usage IN ('{"', '".join(NOT_FOR_THE_PUBLIC)}') AND NOT {ledger_within(first)} AND NOT EXISTS (
        SELECT FROM registry.responsibility r WHERE r.site_id = s.id AND r.organisation_id = ${first + 2}::text
          AND upper_inf(r.believed) AND r.during @> now()
    ), false)"""


async def is_hidden(connection: asyncpg.Connection, scope: Scope, site_id: str) -> bool:
    """Say whether a site is somebody's own and somebody with these bounds has no right in it."""
    found: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM registry.site s WHERE s.id = $1 AND {hidden_from(2)})", site_id, *scope.parameters
    )
    return found


async def export(
    connection: asyncpg.Connection,
    *,
    site_id: str | None,
    scope: Scope,
    as_known_at: datetime | None,
    ever: bool,
    after: int,
    limit: int,
) -> list[asyncpg.Record]:
    """Return lines within bounds, by their id: those believed now or at an instant, or all that ever were (`ever`)."""
    within = ledger_within(6)
    rows: list[asyncpg.Record] = await connection.fetch(
        EXPORT.format(within=within), site_id, as_known_at, ever, after, limit, *scope.parameters
    )
    return rows


def ledger_within(first: int) -> str:
    """Return the condition that a site `s` lies within a scope, or lay there when it was retired (parameters from `$first` on)."""
    everything, divisions, organisation = (f"${first + n}" for n in range(3))
    answering = "', '".join(ANSWERING)
    return f"""({site_within("s.id", first)} OR s.retired_at IS NOT NULL AND (
        {everything}::bool OR s.division_code ^@ ANY ({divisions}::text[]) OR EXISTS (
            SELECT FROM registry.responsibility a WHERE a.site_id = s.id AND a.organisation_id = {organisation}::text
              AND a.role IN ('{answering}') AND upper_inf(a.believed) AND a.during @> s.retired_at
        )
    ))"""


EXPORT = """
SELECT r.*, lower(r.during) AS since, upper(r.during) AS until, lower(r.believed) AS believed_from,
       upper(r.believed) AS believed_until, o.name AS organisation_name, o.uscc, s.name AS site_name, s.division_code
FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
JOIN registry.site s ON s.id = r.site_id
WHERE ($1::text IS NULL OR r.site_id = $1) AND ($3::bool OR r.believed @> coalesce($2::timestamptz, 'infinity'))
  AND r.id > $4 AND {within} ORDER BY r.id LIMIT $5
"""


def line_of(row: asyncpg.Record) -> Line:
    """Return a row of the ledger as the rules read it."""
    return Line(
        row["role"],
        row["organisation_id"],
        row["station_id"],
        row["since"],
        row["until"],
        row["origin"],
        Evidence(row["evidence_kind"], row["evidence_number"], row["evidence"]),
        row["organisation_name"],
        row["id"],
        row["ceased_at"],
    )


# --- writing ----------------------------------------------------------------------------------------------------


async def hold_site(connection: asyncpg.Connection, site_id: str, *, even_retired: bool = False) -> asyncpg.Record:
    """Return a site and hold it, so that its ledger changes one step after the other; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM registry.site WHERE id = $1 AND (retired_at IS NULL OR $2) FOR UPDATE", site_id, even_retired
    )
    if row is None:
        raise NotFound(Reason("site {site_id}", site_id=site_id))
    return row


async def has_station(connection: asyncpg.Connection, site_id: str, station_id: str) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM registry.station WHERE id = $1 AND site_id = $2 AND retired_at IS NULL)",
        station_id,
        site_id,
    )
    return found


async def station_ids(connection: asyncpg.Connection, site_id: str) -> list[str]:
    """Return the stations of a site, of which each may have a manager of its own."""
    rows = await connection.fetch(
        "SELECT id FROM registry.station WHERE site_id = $1 AND retired_at IS NULL ORDER BY id", site_id
    )
    return [row["id"] for row in rows]


async def amend(
    connection: asyncpg.Connection, site_id: str, amendment: Amendment, *, now: datetime, by: str, reason: str
) -> datetime:
    """Record what is believed no longer and what is believed from now on of a site that is held; return from when on."""
    at = recorded_at(now, await connection.fetchval(LAST_RECORDED, site_id))
    await connection.execute(
        """
        UPDATE registry.responsibility SET believed = tstzrange(lower(believed), $2), withdrawn_by = $3, withdrawn_reason = $4
        WHERE id = ANY($1::bigint[])
        """,
        [line.id for line in amendment.withdrawn],
        at,
        by,
        reason,
    )
    await connection.executemany(
        """
        INSERT INTO registry.responsibility (site_id, station_id, role, organisation_id, during, believed, origin,
            evidence_kind, evidence_number, evidence, recorded_by, reason)
        VALUES ($1, $2, $3, $4, tstzrange($5, $6), tstzrange($7, NULL), $8, $9, $10, $11, $12, $13)
        """,
        [
            (site_id, line.station_id, line.role, line.organisation_id, line.since, line.until, at, line.origin,
             line.evidence.kind, line.evidence.number, line.evidence.note, by, reason)
            for line in amendment.added
        ],
    )  # fmt: skip
    return at


async def file_roles(connection: asyncpg.Connection, drafts: Sequence[RoleDraft], now: datetime) -> None:
    """Add lines, but for those that the ledger says or once said: what was corrected does not come back with its import.

    The sites are held. Conflict where one of them would have a second manager.
    """
    rows = [
        (
            d.site_id,
            d.role,
            d.organisation_id,
            d.since,
            d.until,
            d.origin,
            d.evidence_kind,
            d.evidence_number,
            d.evidence,
        )
        for d in drafts
    ]
    try:
        await connection.execute(FILE_ROLES, *columns(rows, 9), now)
    except asyncpg.ExclusionViolationError as error:
        raise Conflict(Reason("site {site_id} would have two managers at once", site_id=_site_in(error))) from None


def _site_in(error: asyncpg.ExclusionViolationError) -> str:
    """Return of which site a line was refused: the first member of the key that PostgreSQL names."""
    found = re.search(r"=\(([^,]*),", error.detail or "")
    return found[1] if found else ""


FILE_ROLES = """
INSERT INTO registry.responsibility (site_id, role, organisation_id, during, believed, origin, evidence_kind,
                                     evidence_number, evidence, recorded_by)
SELECT r.site_id, r.role, r.organisation_id, tstzrange(r.since, r.until),
       tstzrange(greatest($10, (SELECT max(greatest(lower(b.believed), upper(b.believed)))
                                FROM registry.responsibility b WHERE b.site_id = r.site_id)), NULL),
       r.origin, r.kind, r.number, r.evidence, r.origin
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
            $9::text[]) AS r (site_id, role, organisation_id, since, until, origin, kind, number, evidence)
WHERE NOT EXISTS (
    SELECT FROM registry.responsibility b WHERE b.site_id = r.site_id AND b.role = r.role
    AND b.organisation_id = r.organisation_id AND lower(b.during) = r.since
)
"""


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Return rows of so many members as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


# --- what others are told ---------------------------------------------------------------------------------------


async def ledger_events(connection: asyncpg.Connection, site_ids: Collection[str], now: datetime) -> list[Event]:
    """Return the ledgers of sites as events, and what changed in whether somebody manages them."""
    by_site = await _by_site(connection, site_ids)
    return [*_changed(by_site), *await judge_management(connection, _as_lines(by_site), now)]


async def what_time_has_changed(connection: asyncpg.Connection, now: datetime) -> list[Event]:
    """Return as events what time alone has changed in whether somebody manages sites, with the ledgers of these."""
    by_site = await _by_site(connection, await sites_to_judge(connection, now))
    found = await judge_management(connection, _as_lines(by_site), now)
    return [*_changed({event.site_id: by_site[event.site_id] for event in found}), *found]


async def _by_site(connection: asyncpg.Connection, site_ids: Collection[str]) -> dict[str, list[asyncpg.Record]]:
    by_site: dict[str, list[asyncpg.Record]] = {site_id: [] for site_id in site_ids}
    for row in await connection.fetch(BELIEVED, list(site_ids), None) if by_site else ():
        by_site[row["site_id"]].append(row)
    return by_site


def _as_lines(by_site: Mapping[str, Sequence[asyncpg.Record]]) -> dict[str, list[Line]]:
    return {site_id: [line_of(row) for row in rows] for site_id, rows in by_site.items()}


def _changed(by_site: Mapping[str, Sequence[asyncpg.Record]]) -> list[ResponsibilitiesChanged]:
    return [
        ResponsibilitiesChanged(site_id=site_id, entries=tuple(filter(None, (_entry(line_of(row)) for row in rows))))
        for site_id, rows in by_site.items()
    ]


def _entry(line: Line) -> ResponsibilityEntry | None:
    """Return for how long somebody could answer: no longer than the organisation exists, whatever the ledger promises."""
    until = line.answers_until
    if until is not None and until <= line.since:
        return None
    return ResponsibilityEntry(
        role=line.role,
        organisation_id=line.organisation_id,
        organisation_name=line.organisation_name,
        station_id=line.station_id or None,
        since=line.since,
        until=until,
    )
