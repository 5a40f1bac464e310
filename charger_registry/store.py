"""The registry's statements."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import Filing, OrganisationDraft
from charger_registry.equipment.site_facts import site_facts
from charger_registry.equipment.store import CONNECTORS
from charger_registry.equipment.taking_in.store import file_equipment
from charger_registry.filing.operation import standing_of
from charger_registry.ledger.store import columns, file_roles, hidden_from, ledger_events, ledger_within
from charger_registry.ledger.unmanaged.store import end_findings
from youguan.auth import EVERYTHING, Scope
from youguan.errors import Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import (
    ConnectorFile,
    Event,
    OrganisationFiled,
    SiteFiled,
    SiteRetired,
    StationFile,
)

STREAM = "registry"


# --- filing -----------------------------------------------------------------------------------------------------


async def file_all(connection: asyncpg.Connection, filing: Filing, now: datetime) -> None:
    """File everything in the caller's transaction and tell it; what is filed already is brought up to date."""
    await publish(connection, STREAM, await file_rows(connection, filing, now))


async def file_rows(connection: asyncpg.Connection, filing: Filing, now: datetime) -> list[Event]:
    """File everything in the caller's transaction; return what is to be told of it, after the trail has its line.

    Rows of sites are held first and in one order, the trail and the stream last: nobody waits for one who waits for him.
    """
    touched = list(dict.fromkeys([*(site.id for site in filing.sites), *(role.site_id for role in filing.roles)]))
    await hold_sites(connection, [*touched, *filing.retired_site_ids])
    await _retire_sites(connection, filing.retired_site_ids, now)
    await _file_organisations(connection, filing.organisations)
    await file_equipment(connection, filing.sites, filing.source, now)
    await file_roles(connection, filing.roles, now)
    events: list[Event] = [SiteRetired(site_id=s, station_ids=ids) for s, ids in await _retired(connection, filing)]
    events += await organisation_files(connection, [draft.id for draft in filing.organisations])
    events += await site_files(connection, [site.id for site in filing.sites])
    return events + await ledger_events(connection, touched, now)


async def hold_sites(connection: asyncpg.Connection, site_ids: Sequence[str]) -> None:
    """Hold those of the sites that there are until commit."""
    await connection.execute("SELECT FROM registry.site WHERE id = ANY($1) ORDER BY id FOR UPDATE", list(site_ids))


async def _retire_sites(connection: asyncpg.Connection, site_ids: Sequence[str], now: datetime) -> None:
    if site_ids:
        await connection.execute("UPDATE registry.site SET retired_at = $2 WHERE id = ANY($1)", list(site_ids), now)
        await connection.execute(
            "UPDATE registry.station SET retired_at = $2 WHERE site_id = ANY($1) AND retired_at IS NULL",
            list(site_ids),
            now,
        )
        await end_findings(connection, site_ids, now, "retired")


async def _retired(connection: asyncpg.Connection, filing: Filing) -> list[tuple[str, tuple[str, ...]]]:
    rows = await connection.fetch(
        "SELECT site_id, array_agg(id ORDER BY id) AS ids FROM registry.station WHERE site_id = ANY($1) GROUP BY 1",
        list(filing.retired_site_ids),
    )
    found = {row["site_id"]: tuple(row["ids"]) for row in rows}
    return [(site_id, found.get(site_id, ())) for site_id in filing.retired_site_ids]


async def _file_organisations(connection: asyncpg.Connection, drafts: Sequence[OrganisationDraft]) -> None:
    await connection.execute(
        """
        INSERT INTO registry.organisation AS filed (id, name, uscc, phone, generated, operator_code)
        SELECT g.id, g.name, g.uscc, g.phone, g.generated, CASE WHEN NOT EXISTS (
            SELECT FROM registry.organisation o WHERE o.operator_code = g.code AND o.id <> g.id
        ) THEN g.code END
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[])
            AS g (id, name, uscc, phone, generated, code)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, uscc = excluded.uscc, phone = excluded.phone,
            operator_code = coalesce(excluded.operator_code, filed.operator_code)
        """,
        *columns([(d.id, d.name, d.uscc, d.phone, d.generated, d.operator_code) for d in drafts], 6),
    )


async def organisation_files(connection: asyncpg.Connection, organisation_ids: Sequence[str]) -> list[Event]:
    """Return the files of organisations as they are now, as events, in the order of their ids as given."""
    rows = await connection.fetch(
        """
        SELECT o.*, (
            SELECT r.name FROM registry.representative r
            WHERE r.organisation_id = o.id AND r.kind = 'legal_representative' AND r.ended_at IS NULL ORDER BY r.id DESC LIMIT 1
        ) AS representative
        FROM unnest($1::text[]) WITH ORDINALITY AS g (id, place) JOIN registry.organisation o USING (id) ORDER BY g.place
        """,
        list(organisation_ids),
    )
    return [
        OrganisationFiled(
            organisation_id=row["id"], name=row["name"], uscc=row["uscc"], phone=row["phone"], address=row["address"],
            representative=row["representative"],
        )
        for row in rows
    ]  # fmt: skip


async def site_files(connection: asyncpg.Connection, site_ids: Collection[str]) -> list[Event]:
    """Return the files of sites as they are now, as events."""
    rows = await connection.fetch(
        f"""
        SELECT s.*, d.name AS division_name,
               array_remove(array_agg(t ORDER BY t.id) FILTER (WHERE t.retired_at IS NULL), NULL) AS stations,
               (SELECT to_jsonb(p) FROM registry.price_posting p
                WHERE p.site_id = s.id AND p.station_id = '' AND p.valid_until IS NULL) AS price,
               {standing_of("s.id")} AS standing
        FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code
        LEFT JOIN registry.station t ON t.site_id = s.id
        WHERE s.id = ANY($1) GROUP BY s.id, d.name ORDER BY s.id
        """,
        list(site_ids),
    )
    plugs = await connection.fetch(
        """
        SELECT c.station_id, c.connector, c.cec_connector_id
        FROM registry.connector c JOIN registry.station t ON t.id = c.station_id
        WHERE t.site_id = ANY($1) AND c.cec_connector_id IS NOT NULL ORDER BY c.station_id, c.connector
        """,
        list(site_ids),
    )
    coded: dict[str, list[ConnectorFile]] = {}
    for plug in plugs:
        file = ConnectorFile(connector=plug["connector"], cec_connector_id=plug["cec_connector_id"])
        coded.setdefault(plug["station_id"], []).append(file)
    return [
        SiteFiled(
            site_id=row["id"],
            name=row["name"],
            address=row["address"],
            division_code=row["division_code"],
            division_name=row["division_name"],
            longitude=row["longitude"],
            latitude=row["latitude"],
            stations=tuple(
                StationFile(
                    station_id=s["id"],
                    connectors=s["connectors"],
                    power_w=s["power_w"],
                    current_type=s["current_type"],
                    cec_equipment_id=s["cec_equipment_id"],
                    connector_files=tuple(coded.get(s["id"], ())),
                )
                for s in row["stations"] or ()
            ),
            operator_code=row["operator_code"],
            cec_station_id=row["cec_station_id"],
            construction=row["construction"],
            standing=row["standing"],
            **site_facts(row, row["price"]),
        )
        for row in rows
    ]


# --- reading ----------------------------------------------------------------------------------------------------


async def list_stations(
    connection: asyncpg.Connection,
    *,
    managed: bool | None,
    site_id: str | None,
    after: str | None,
    limit: int,
    platform: str | None = None,
    shown_to: Scope = EVERYTHING,
) -> list[asyncpg.Record]:
    """Return stations by id; `managed`: whether somebody manages their site; `platform`: whose T/CEC 102 code it bears.

    `shown_to`: without those at what is somebody's own where these bounds give no right in it.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT t.*, s.unmanaged_reason IS NULL AS managed, {CONNECTORS} AS connector_files
        FROM registry.station t JOIN registry.site s ON s.id = t.site_id
        WHERE t.retired_at IS NULL AND ($1::bool IS NULL OR (s.unmanaged_reason IS NULL) = $1)
          AND ($2::text IS NULL OR t.site_id = $2) AND ($3::text IS NULL OR t.id > $3)
          AND ($5::text IS NULL OR s.operator_code = $5) AND NOT {hidden_from(6)}
        ORDER BY t.id LIMIT $4
        """,
        managed,
        site_id,
        after,
        limit,
        platform,
        *shown_to.parameters,
    )
    return rows


async def list_sites(
    connection: asyncpg.Connection,
    *,
    unmanaged_only: bool | None,
    division: str | None,
    words: str | None,
    after: str | None,
    limit: int,
    scope: Scope = EVERYTHING,
    shown_to: Scope = EVERYTHING,
    retired: bool = False,
    organisation_id: str | None = None,
) -> list[asyncpg.Record]:
    """Return sites within a scope by id; `retired`: those that are no more, for whoever might see them then.

    `shown_to`: without what is somebody's own where these bounds give no right in it; `organisation_id`: where it has a role now.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.*, d.name AS division_name,
               (SELECT count(*) FROM registry.station t WHERE t.site_id = s.id AND t.retired_at IS NULL) AS stations
        FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code
        WHERE (s.retired_at IS NOT NULL) = $9 AND ($1::bool IS NULL OR (s.unmanaged_reason IS NOT NULL) = $1)
          AND ($2::text IS NULL OR starts_with(s.division_code, $2))
          AND ($3::text IS NULL OR strpos(lower(s.name || ' ' || s.address || ' ' || s.id), lower($3)) > 0)
          AND ($4::text IS NULL OR s.id > $4) AND {ledger_within(6)} AND NOT {hidden_from(10)}
          AND ($13::text IS NULL OR EXISTS (
              SELECT FROM registry.responsibility r WHERE r.site_id = s.id AND r.organisation_id = $13
                AND upper_inf(r.believed) AND r.during @> now()
          ))
        ORDER BY s.id LIMIT $5
        """,
        unmanaged_only,
        division,
        words,
        after,
        limit,
        *scope.parameters,
        retired,
        *shown_to.parameters,
        organisation_id,
    )
    return rows


async def get_site(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record:
    """Return a site; NotFound."""
    row = await connection.fetchrow(
        """
        SELECT s.*, d.name AS division_name,
               (SELECT count(*) FROM registry.station t WHERE t.site_id = s.id AND t.retired_at IS NULL) AS stations
        FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code WHERE s.id = $1
        """,
        site_id,
    )
    if row is None:
        raise NotFound(Reason("site {site_id}", site_id=site_id))
    return row


async def merged_into(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    """Return the standing site that a site has become part of, however many merges later; None where it has not."""
    return await connection.fetchrow(
        """
        WITH RECURSIVE way AS (
            SELECT id, name, merged_into, retired_at FROM registry.site WHERE id = $1
            UNION SELECT s.id, s.name, s.merged_into, s.retired_at
            FROM way w JOIN registry.site s ON s.id = w.merged_into WHERE w.retired_at IS NOT NULL
        ) SELECT id, name FROM way WHERE retired_at IS NULL AND id <> $1
        """,
        site_id,
    )


async def list_organisations(connection: asyncpg.Connection, after: str | None, limit: int) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.organisation WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2", after, limit
    )
    return rows


async def phones_of(connection: asyncpg.Connection, organisation_ids: Sequence[str]) -> dict[str, str | None]:
    rows = await connection.fetch(
        "SELECT id, phone FROM registry.organisation WHERE id = ANY($1::text[])", list(organisation_ids)
    )
    return {row["id"]: row["phone"] for row in rows}


OFFERED = 50


async def organisations_to_choose(
    connection: asyncpg.Connection, words: str, now: datetime, *, every: bool = False
) -> list[asyncpg.Record]:
    """Return organisations by name whose name, id or code holds the words, as many as are offered; `every`: also those that are
    no more."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.organisation o
        WHERE ($3 OR o.deregistered_at IS NULL OR o.deregistered_at > $2)
          AND strpos(lower(o.name || ' ' || o.id || ' ' || coalesce(o.uscc, '')), lower($1)) > 0
        ORDER BY o.name, o.id LIMIT $4
        """,
        words.strip(),
        now,
        every,
        OFFERED,
    )
    return rows


async def organisations_called(connection: asyncpg.Connection, texts: Collection[str]) -> dict[str, str]:
    """Return, by what somebody has typed, the one organisation that it names: by its id, else by code, name or `called`."""
    rows = await connection.fetch(
        """
        SELECT t.said, coalesce(min(o.id) FILTER (WHERE o.id = t.said), min(o.id)) AS id FROM unnest($1::text[]) AS t (said)
        JOIN registry.organisation o ON t.said IN (o.id, o.name, o.name || ' (' || o.id || ')') OR o.uscc = upper(t.said)
        GROUP BY t.said HAVING count(*) = 1 OR bool_or(o.id = t.said)
        """,
        list(set(texts)),
    )
    return {row["said"]: row["id"] for row in rows}


async def organisation_meant(connection: asyncpg.Connection, text: str) -> str:
    """Return the id of the one organisation that a field's text names; Invalid where it names none, or several."""
    said = text.strip()
    found = await organisations_called(connection, [said])
    if said not in found:
        raise Invalid.about("organisation_id", "names no organisation, or several: write its number or code")
    return found[said]


def called(organisation_id: str, name: str) -> str:
    """Return what names an organisation and no other, as a person reads and types it."""
    return f"{name} ({organisation_id})"


async def get_organisation(
    connection: asyncpg.Connection, organisation_id: str, *, hold: bool = False
) -> asyncpg.Record:
    """Return an organisation; NotFound. `hold` keeps others from changing it until commit."""
    row = await connection.fetchrow(
        "SELECT * FROM registry.organisation WHERE id = $1" + (" FOR UPDATE" if hold else ""), organisation_id
    )
    if row is None:
        raise NotFound(Reason("organisation {organisation_id}", organisation_id=organisation_id))
    return row


async def save_person(connection: asyncpg.Connection, person: Sequence[Any]) -> None:
    """Save (username, name, password hash, roles, organisation, division, demo)."""
    await connection.execute(
        """
        INSERT INTO registry.person (username, name, password_hash, roles, organisation_id, division, demo)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (username) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash,
            roles = excluded.roles, organisation_id = excluded.organisation_id, division = excluded.division, active = true,
            demo = excluded.demo
        """,
        *person,
    )


async def last_import(connection: asyncpg.Connection, source: str) -> str | None:
    """Return the fingerprint of the last import of a source."""
    found: str | None = await connection.fetchval(
        "SELECT fingerprint FROM registry.import_run WHERE source = $1 ORDER BY id DESC LIMIT 1", source
    )
    return found


async def note_import(connection: asyncpg.Connection, run: Sequence[Any]) -> None:
    """Note (source, fingerprint, at, added, changed, unchanged, refused)."""
    await connection.execute(
        """
        INSERT INTO registry.import_run (source, fingerprint, at, added, changed, unchanged, refused)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        *run,
    )
