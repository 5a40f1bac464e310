"""Where inspections are planned: random draws from a pool that was published before, joint ones of what is due."""

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import asyncpg

from inspection_service.inspections import store as office_store
from inspection_service.inspections.checklists import Point
from inspection_service.inspections.office import Going, Office, plain
from inspection_service.inspections.plans import joint, store
from inspection_service.inspections.plans.draw import Drawn, ImpossibleDraw, Pool, digest, draw
from inspection_service.inspections.visits.machine import ON_SITE
from youguan.auth import REGULATOR, Principal, Scope
from youguan.clock import county_day
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Reason

RANDOM, JOINT = "random", "joint"
MOST_VISITS = 1000


@dataclass(frozen=True, slots=True)
class PlanWish:
    """What a plan is made with. Random: `count` sites are to be drawn; joint: what is due by `ends_on`."""

    title: str
    departments: tuple[str, ...]
    starts_on: date
    ends_on: date
    reason: str
    division: str | None = None
    constructions: tuple[str, ...] = ()
    count: int = 0


class PlanDesk:
    """Plans and draws; `seed` makes the seed of a draw."""

    def __init__(self, office: Office, *, seed: Callable[[], str] = lambda: secrets.token_hex(32)) -> None:
        self.office = office
        self._seed = seed

    async def plan_random(self, who: Principal, wish: PlanWish) -> str:
        """Publish a plan and among whom it will draw; return its id. Invalid where the pool cannot give so much."""
        self._check_plan(who, wish)
        points = self._points(wish)
        async with self.office.pool.acquire() as connection, connection.transaction():
            found = await office_store.sites(connection, who.scope, wish.division, wish.constructions)
            site_ids = [site["id"] for site in found]
            people = await self.office.certificates(connection)
            bound = await office_store.conflicts(connection, site_ids, list(people.values()), self.office.clock.now())
            pool = published_pool(site_ids, people, bound, wish.count)
            _drawn(pool, "try")  # a pool that no seed can draw from is not published
            plan_id = await self._insert_plan(connection, who, RANDOM, wish, points)
            await store.insert_draw(connection, (plan_id, asdict(pool), digest(pool), people))
            await self.office.note(
                connection, who, "plan publish", f"plan {plan_id}", {**plain(wish), "pool_sha256": digest(pool)}
            )
        return plan_id

    async def plan_joint(self, who: Principal, wish: PlanWish) -> str:
        """Make a run of everything that is due by its end, one visit at each premises; return its id. Invalid, Conflict."""
        self._check_plan(who, wish)
        if len(wish.departments) < 2:
            raise Invalid.about("departments", "a joint inspection has two at least")
        async with self.office.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('inspection.joint'))"
            )  # none plans a stop twice
            owed = await self.due(connection, who.scope, wish)
            stops = [stop for stop in owed if stop.departments]
            if not stops:
                raise Conflict("nothing is due there by then")
            if len(stops) > MOST_VISITS:
                raise Invalid.about(
                    "division",
                    Reason("{count} premises are due: narrow it to {most}", count=len(stops), most=MOST_VISITS),
                )
            plan_id = await self._insert_plan(connection, who, JOINT, wish, joint.items_of(stops))
            await self._send(connection, who, plan_id, wish, stops)
            left_out = {stop.site_id: list(stop.left_out) for stop in owed if stop.left_out}
            said = {**plain(wish), "premises": len(stops), "left_out": left_out}
            await self.office.note(connection, who, "plan joint", f"plan {plan_id}", said)
        return plan_id

    async def due(self, connection: asyncpg.Connection, scope: Scope, wish: PlanWish) -> list[joint.Stop]:
        """Return where the departments owe a look by the wish's end, and which of them are to go there by then anyway."""
        found = await office_store.sites(connection, scope, wish.division, wish.constructions)
        places = await store.premises(connection, found, self.office.today(), wish.ends_on)
        return joint.stops(self.office.checklists, places, wish.departments, wish.ends_on)

    async def draw(self, who: Principal, plan_id: str) -> list[Drawn]:
        """Draw, once and for all, by a seed that nobody knew; plan the visits; return who was drawn. Conflict."""
        if not who.has(REGULATOR):
            raise Forbidden("draws are a regulator's")
        async with self.office.pool.acquire() as connection, connection.transaction():
            frozen = await store.get_draw(connection, plan_id, hold=True)
            if not who.scope.covers(frozen["division_code"], None):
                raise NotFound(Reason("plan {id}", id=plan_id))
            if frozen["seed"] is not None:
                raise Conflict("it was drawn already; a draw is never repeated")
            pool = pool_of(frozen["pool"])
            seed = self._seed()
            drawn = _drawn(pool, seed)
            now = self.office.clock.now()
            said = [{"site": each.site, "officers": list(each.officers)} for each in drawn]
            await store.insert_drawn(connection, (plan_id, seed, said, now, who.subject))
            await self._send_drawn(connection, who, plan_id, drawn, frozen["people"])
            await self.office.note(connection, who, "plan draw", f"plan {plan_id}", {"seed": seed, "drawn": said})
        return drawn

    def _check_plan(self, who: Principal, wish: PlanWish) -> None:
        if not who.has(REGULATOR):
            raise Forbidden("plans are a regulator's")
        self.office.check_departments(wish.departments)
        if wish.ends_on < wish.starts_on:
            raise Invalid.about("ends_on", "lies before starts_on")
        if wish.ends_on < self.office.today():
            raise Invalid.about("ends_on", "lies in the past")
        if not who.scope.covers(wish.division, None):
            raise Invalid.about(
                "division", "lies beyond your bounds" if wish.division else "must name a division of yours"
            )

    def _points(self, wish: PlanWish) -> list[Point]:
        kinds: Sequence[str | None] = wish.constructions or [None, *self._kinds()]
        points = self.office.checklists.points(wish.departments, kinds, wish.starts_on)
        if not points:
            raise Invalid.about("departments", "no checklist of theirs is in force then")
        return points

    def _kinds(self) -> list[str]:
        return sorted({kind for checklist in self.office.checklists.lists for kind in checklist.sites})

    async def _insert_plan(
        self, connection: asyncpg.Connection, who: Principal, kind: str, wish: PlanWish, points: Sequence[Point]
    ) -> str:
        now, plan_id = self.office.clock.now(), str(uuid.uuid4())
        year = county_day(now).year
        number = f"JH-{year}-{await office_store.take_numbers(connection, 'plan', year, 1):06d}"
        plan = (
            plan_id, number, kind, wish.title, list(wish.departments), wish.division, wish.starts_on, wish.ends_on,
            wish.reason, now, who.subject,
        )  # fmt: skip
        await store.insert_plan(connection, plan, points)
        return plan_id

    async def _send(
        self, connection: asyncpg.Connection, who: Principal, plan_id: str, wish: PlanWish, stops: Sequence[joint.Stop]
    ) -> None:
        """Plan the visits of a run; who goes where is spread by the plan's id."""
        site_ids = [stop.site_id for stop in stops]
        officers = await self.office.able(connection)
        bound = await office_store.conflicts(connection, site_ids, officers, self.office.clock.now())
        going = {each.site: each.officers for each in _drawn(Pool.of(site_ids, officers, bound, len(stops)), plan_id)}
        known = {site["id"]: site for site in await office_store.sites(connection, who.scope, wish.division)}
        visits = [Going(known[s.site_id], s.departments, going[s.site_id], s.points) for s in stops]
        await self.office.send(connection, who, visits, plan_id, ON_SITE, wish.reason, wish.ends_on)

    async def _send_drawn(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        plan_id: str,
        drawn: Sequence[Drawn],
        people: Mapping[str, str],
    ) -> None:
        """Send whom the drawn certificates belonged to when the pool was frozen; older pools hold the people themselves."""
        plan = await store.get_plan(connection, plan_id)
        known = {site["id"]: site for site in await office_store.sites(connection, who.scope, plan["division_code"])}
        visits = []
        for each in drawn:
            site = known.get(each.site)
            if site is None:  # retired since the pool was frozen: what was drawn stands, nobody goes there
                continue
            points = self.office.checklists.points(plan["departments"], [site["construction"]], plan["starts_on"])
            departments = tuple(dict.fromkeys(point.department for point in points))
            if points:
                going = tuple(people.get(number, number) for number in each.officers)
                visits.append(Going(site, departments, going, tuple(points)))
        await self.office.send(connection, who, visits, plan_id, ON_SITE, plan["reason"], plan["ends_on"])


def published_pool(
    sites: Sequence[str], people: Mapping[str, str], bound: Sequence[tuple[str, str]], count: int
) -> Pool:
    """Return a pool as everybody may read it: officers by the numbers of their certificates (`people`: whose each is)."""
    numbers = {subject: number for number, subject in people.items()}
    return Pool.of(sites, list(people), [(numbers[officer], site) for officer, site in bound], count)


def pool_of(frozen: Mapping[str, Any]) -> Pool:
    """Return a pool as it was published."""
    conflicts = tuple((officer, site) for officer, site in frozen["conflicts"])
    return Pool(tuple(frozen["sites"]), tuple(frozen["officers"]), conflicts, frozen["count"])


def _drawn(pool: Pool, seed: str) -> list[Drawn]:
    try:
        return draw(pool, seed)
    except ImpossibleDraw as error:
        raise Conflict(error.args[0]) from None
