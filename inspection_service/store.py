"""Sites and who answers for them, as the registry told it."""

from datetime import date, datetime

import asyncpg

from inspection_service.tasks.assignment import Duty
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.events import GracePeriodBegan, OrganisationFiled, PersonChanged, ResponsibilitiesChanged, SiteFiled

GRACE_BEGUN_DAYS, GRACE_ENDS_DAYS = 14, 30  # for how long its operator is told of its beginning and of its end


async def file_site(connection: asyncpg.Connection, filed: SiteFiled, at: datetime) -> None:
    """Keep a site as it is filed; `at`: when that was told, which of the first time is remembered."""
    await connection.execute(
        """
        INSERT INTO inspection.site (id, name, address, division_code, division_name, longitude, latitude, construction, filed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address,
            division_code = excluded.division_code, division_name = excluded.division_name,
            longitude = excluded.longitude, latitude = excluded.latitude, construction = excluded.construction,
            retired = false, retired_at = NULL
        """,
        filed.site_id,
        filed.name,
        filed.address,
        filed.division_code,
        filed.division_name,
        filed.longitude,
        filed.latitude,
        filed.construction,
        at,
    )


async def retire_site(connection: asyncpg.Connection, site_id: str, at: datetime) -> None:
    """Let a site no longer belong to the county from an instant on."""
    await connection.execute("UPDATE inspection.site SET retired = true, retired_at = $2 WHERE id = $1", site_id, at)


async def begin_grace(connection: asyncpg.Connection, began: GracePeriodBegan) -> None:
    await connection.execute(
        "UPDATE inspection.site SET grace_since = $2, grace_until = $3 WHERE id = $1",
        began.site_id,
        began.since,
        began.until,
    )


async def grace_to_tell(connection: asyncpg.Connection, scope: Scope, today: date) -> list[asyncpg.Record]:
    """Return the sites within the bounds whose grace period has begun lately or ends soon, the first to end first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.id, s.name, s.grace_since, s.grace_until FROM inspection.site s
        WHERE NOT s.retired AND s.grace_until > $1 AND (s.grace_since > $1 - $2::int OR s.grace_until <= $1 + $3::int)
          AND {site_within("s.id", 4)} ORDER BY s.grace_until, s.id LIMIT 20
        """,
        today,
        GRACE_BEGUN_DAYS,
        GRACE_ENDS_DAYS,
        *scope.parameters,
    )
    return rows


async def file_organisation(connection: asyncpg.Connection, filed: OrganisationFiled) -> None:
    await connection.execute(
        """
        INSERT INTO inspection.organisation (id, address, uscc, representative) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET address = excluded.address, uscc = excluded.uscc, representative = excluded.representative
        """,
        filed.organisation_id,
        filed.address,
        filed.uscc,
        filed.representative,
    )


async def save_official(connection: asyncpg.Connection, person: PersonChanged) -> None:
    await connection.execute(
        """
        INSERT INTO inspection.official VALUES ($1, $2, $3, $4)
        ON CONFLICT (username) DO UPDATE SET roles = excluded.roles, division = excluded.division, level = excluded.level
        """,
        person.username,
        list(person.roles),
        person.division,
        person.level,
    )


async def remove_official(connection: asyncpg.Connection, username: str) -> None:
    await connection.execute("DELETE FROM inspection.official WHERE username = $1", username)


async def get_organisation(connection: asyncpg.Connection, organisation_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM inspection.organisation WHERE id = $1", organisation_id)


async def replace_duties(connection: asyncpg.Connection, changed: ResponsibilitiesChanged) -> None:
    await connection.execute("DELETE FROM inspection.responsibility WHERE site_id = $1", changed.site_id)
    await connection.executemany(
        "INSERT INTO inspection.responsibility VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (changed.site_id, n, e.station_id, e.role, e.organisation_id, e.organisation_name, e.since, e.until)
            for n, e in enumerate(changed.entries)
        ],
    )


async def duties(connection: asyncpg.Connection, site_id: str) -> list[Duty]:
    rows = await connection.fetch("SELECT * FROM inspection.responsibility WHERE site_id = $1 ORDER BY since", site_id)
    return [
        Duty(
            row["role"],
            row["organisation_id"],
            row["organisation_name"],
            row["station_id"],
            row["since"],
            row["until"],
        )
        for row in rows
    ]


async def get_site(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM inspection.site WHERE id = $1", site_id)
