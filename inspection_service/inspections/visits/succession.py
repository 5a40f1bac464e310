"""Who comes for an officer that cannot go to a site that was drawn: the next whom the recorded seed names there."""

from dataclasses import dataclass

import asyncpg

from inspection_service.inspections import store as office_store
from inspection_service.inspections.office import Office
from inspection_service.inspections.plans import store as plans_store
from inspection_service.inspections.plans.desk import pool_of
from inspection_service.inspections.plans.draw import next_in_order, order_at
from inspection_service.inspections.visits import store
from youguan.errors import Conflict


@dataclass(frozen=True, slots=True)
class Successor:
    """Who comes; `passed_over`: numbers of the certificates of those before him who hold no valid one now, or declared an
    interest since. None: he was chosen, not drawn."""

    subject: str
    passed_over: tuple[str, ...] | None = None


async def drawn_next(connection: asyncpg.Connection, office: Office, visit: asyncpg.Record) -> Successor:
    """Return who comes next by the draw of a visit's plan; Conflict where its pool has nobody left."""
    drawn = await plans_store.get_draw(connection, visit["plan_id"])
    order = order_at(pool_of(drawn["pool"]), drawn["seed"], visit["site_id"] or "")
    people = {number: drawn["people"].get(number, number) for number in order}
    gone = {row["leaves"] for row in await store.replacements(connection, visit["id"])} | {*visit["officers"]}
    able = set(await office.able(connection))
    bound = await office_store.conflicts(connection, [visit["site_id"]], list(people.values()), office.clock.now())
    kept_away = {subject for subject, _ in bound}
    ever = {number for number, subject in people.items() if subject in gone}
    unable = {number for number, subject in people.items() if subject not in able or subject in kept_away}
    comes, passed_over = next_in_order(order, ever, unable)
    if comes is None:
        raise Conflict("nobody in the published pool is left for this site: call the visit off, and draw anew")
    return Successor(people[comes], passed_over)
