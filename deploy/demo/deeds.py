"""What the sample's people have done at the inspection service, by the very desks that real ones use: tasks, inspections, cases."""

from dataclasses import dataclass

import asyncpg

from charger_registry.people import store as registered
from deploy.demo import cases, register, tasks, visits
from deploy.demo.cast import Cast, cast
from deploy.demo.desks import Desks
from youguan import bounds
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.settings import Settings

PLACES_NEEDED = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A site of the demo operator, what he is called there, its division, and its last station: a fleet begins with the first."""

    site_id: str
    manager: str
    division: str | None
    station_id: str


async def do_samples(settings: Settings, clock: Clock) -> None:
    """Let the sample's people do what they do, each kind of work where nobody has done any yet."""
    async with await create_pool(settings.dsn_for("registry")) as registry:
        await bounds.consumer(registry).catch_up()
        async with registry.acquire() as connection:
            operator = await registered.find(connection, "demo-operator", demo=True)
    if operator is None or operator["organisation_id"] is None:
        return
    async with await create_pool(settings.dsn_for("inspection")) as pool:
        desks = Desks(pool, clock, settings)
        await desks.intake.catch_up()
        places = await _places(pool, operator["organisation_id"])
        if len(places) == PLACES_NEEDED:
            await _do(desks, cast(operator["organisation_id"], clock.now()), places)


async def _places(pool: asyncpg.Pool, organisation_id: str) -> list[Place]:
    """Return the last sites that an organisation manages."""
    rows = await pool.fetch(
        """
        SELECT r.site_id, max(r.organisation_name) AS manager, max(s.division_code) AS division, max(b.station_id) AS station_id
        FROM inspection.responsibility r JOIN bounds.station b USING (site_id) JOIN inspection.site s ON s.id = r.site_id
        WHERE r.organisation_id = $1 AND r.role = 'manager' AND r.until IS NULL AND r.station_id IS NULL
        GROUP BY r.site_id ORDER BY r.site_id DESC LIMIT $2
        """,
        organisation_id,
        PLACES_NEEDED,
    )
    return [Place(**row) for row in rows]


async def _do(desks: Desks, people: Cast, places: list[Place]) -> None:
    stations = [place.station_id for place in places]
    if not await _any(desks.pool, "public_report"):
        await tasks.work(desks, people, stations)
    if not await _any(desks.pool, "plan"):
        await visits.inspect(desks, people, places[0].site_id, places[1].site_id, places[0].division)
    if not await _any(desks.pool, "monitoring_equipment"):
        await register.enter(desks, people, places[0].site_id)
    if not await _any(desks.pool, "case_file"):
        await cases.proceed(desks, people, places[0].manager, [place.site_id for place in places])


async def _any(pool: asyncpg.Pool, table: str) -> bool:
    found: bool = await pool.fetchval(f"SELECT EXISTS (SELECT FROM inspection.{table})")
    return found
