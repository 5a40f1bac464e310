"""The desk where inspections are planned, drawn and carried out: every step audited, every check with a code of its own."""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.cases import store as cases
from inspection_service.evidence.chain import canonical
from inspection_service.inspections import joint, record, store
from inspection_service.inspections.checklists import Checklists, Point
from inspection_service.inspections.draw import Drawn, ImpossibleDraw, Pool, digest, draw
from inspection_service.inspections.visit import (
    OF_THE_REGULATOR,
    ON_SITE,
    REMOTE,
    Command,
    State,
    check_officer,
    failed,
    move,
    open_points,
)
from inspection_service.law.catalogue import Catalogue
from inspection_service.printing.press import Press, Unprintable
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.machine import Role
from inspection_service.tasks.opening import Opening, Origin
from youguan import audit
from youguan.auth import INSPECTOR, OFFICIALS, OPERATOR, REGULATOR, Principal, Scope
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from youguan.eventlog import publish
from youguan.events import Event, VisitFinished

STREAM = "inspection"
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


@dataclass(frozen=True, slots=True)
class VisitWish:
    """What a single visit is planned with; whoever plans it is one of its officers."""

    site_id: str
    departments: tuple[str, ...]
    second_officer: str
    reason: str
    planned_for: date
    channel: str = ON_SITE


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stood, WGS-84 degrees; None: not known."""

    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What was seen at a point of the list; `key` is the sender's own: sent again, it is the same note."""

    place: int
    result: str
    key: str
    note: str = ""
    position: Position = Position()


@dataclass(frozen=True, slots=True)
class Piece:
    """A photo, a still or an extract; `content` None: it lies on the shelf under its hash."""

    key: str
    kind: str
    title: str
    sha256: str
    size_bytes: int
    media_type: str
    name: str = ""
    content: bytes | None = None
    place: int | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    position: Position = Position()


@dataclass(frozen=True, slots=True)
class Going:
    """A visit that is about to be planned."""

    site: asyncpg.Record
    departments: tuple[str, ...]
    officers: tuple[str, ...]
    points: tuple[Point, ...]


class InspectionDesk:
    """Plans, draws, and carries out."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        checklists: Checklists,
        catalogue: Catalogue,
        press: Press,
        tasks: TaskDesk,
        *,
        seed: Callable[[], str] = lambda: secrets.token_hex(32),
    ) -> None:
        self.pool = pool
        self.checklists = checklists
        self.catalogue = catalogue
        self.press = press
        self._tasks = tasks
        self._clock = clock
        self._seed = seed

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    # --- plans ---

    async def plan_random(self, who: Principal, wish: PlanWish) -> str:
        """Publish a plan and among whom it will draw; return its id. Invalid where the pool cannot give so much."""
        self._check_plan(who, wish)
        points = self._points(wish)
        async with self.pool.acquire() as connection, connection.transaction():
            found = await store.sites(connection, who.scope, wish.division, wish.constructions)
            site_ids = [site["id"] for site in found]
            officers = await self._able(connection)
            bound = await store.conflicts(connection, site_ids, officers)
            pool = Pool.of(site_ids, officers, bound, wish.count)
            _drawn(pool, "try")  # a pool that no seed can draw from is not published
            plan_id = await self._insert_plan(connection, who, RANDOM, wish, points)
            await store.insert_draw(connection, plan_id, asdict(pool), digest(pool))
            await self._audit(
                connection, who, "plan publish", f"plan {plan_id}", {**_plain(wish), "pool_sha256": digest(pool)}
            )
        return plan_id

    async def plan_joint(self, who: Principal, wish: PlanWish) -> str:
        """Make a run of everything that is due by its end, one visit at each premises; return its id. Invalid, Conflict."""
        self._check_plan(who, wish)
        if len(wish.departments) < 2:
            raise _invalid("departments", "a joint inspection has two at least")
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('inspection.joint'))"
            )  # none plans a stop twice
            stops = await self.due(connection, who.scope, wish)
            if not stops:
                raise Conflict("nothing is due there by then")
            if len(stops) > MOST_VISITS:
                raise _invalid("division", f"{len(stops)} premises are due: narrow it to {MOST_VISITS}")
            plan_id = await self._insert_plan(connection, who, JOINT, wish, joint.items_of(stops))
            await self._send(connection, who, plan_id, wish, stops)
            await self._audit(
                connection, who, "plan joint", f"plan {plan_id}", {**_plain(wish), "premises": len(stops)}
            )
        return plan_id

    async def due(self, connection: asyncpg.Connection, scope: Scope, wish: PlanWish) -> list[joint.Stop]:
        """Return where the departments owe a look by the wish's end; what another run will look at already is left out."""
        found = await store.sites(connection, scope, wish.division, wish.constructions)
        underway = await store.planned_sites(connection, [site["id"] for site in found])
        free = [site for site in found if site["id"] not in underway]
        return joint.stops(self.checklists, await store.premises(connection, free), wish.departments, wish.ends_on)

    async def draw(self, who: Principal, plan_id: str) -> list[Drawn]:
        """Draw, once and for all, by a seed that nobody knew; plan the visits; return who was drawn. Conflict."""
        if not who.has(REGULATOR):
            raise Forbidden("draws are a regulator's")
        async with self.pool.acquire() as connection, connection.transaction():
            frozen = await store.get_draw(connection, plan_id, hold=True)
            if not who.scope.covers(frozen["division_code"], None):
                raise NotFound(f"plan {plan_id}")
            if frozen["seed"] is not None:
                raise Conflict("it was drawn already; a draw is never repeated")
            pool = pool_of(frozen["pool"])
            seed = self._seed()
            drawn = _drawn(pool, seed)
            now = self._clock.now()
            said = [{"site": each.site, "officers": list(each.officers)} for each in drawn]
            await store.insert_drawn(connection, (plan_id, seed, said, now, who.subject))
            await self._send_drawn(connection, who, plan_id, drawn)
            await self._audit(connection, who, "plan draw", f"plan {plan_id}", {"seed": seed, "drawn": said})
        return drawn

    def _check_plan(self, who: Principal, wish: PlanWish) -> None:
        if not who.has(REGULATOR):
            raise Forbidden("plans are a regulator's")
        self._check_departments(wish.departments)
        if wish.ends_on < wish.starts_on:
            raise _invalid("ends_on", "lies before starts_on")
        if wish.ends_on < self.today():
            raise _invalid("ends_on", "lies in the past")
        if not who.scope.covers(wish.division, None):
            raise _invalid("division", "lies beyond your bounds" if wish.division else "must name a division of yours")

    def _check_departments(self, departments: Sequence[str]) -> None:
        known = self.checklists.departments
        for department in departments:
            if department not in known:
                raise _invalid("departments", f"{department} is none of {', '.join(known)}")
        if not departments or len(set(departments)) != len(departments):
            raise _invalid("departments", "each once, and one at least")

    def _points(self, wish: PlanWish) -> list[Point]:
        kinds: Sequence[str | None] = wish.constructions or [None, *self._kinds()]
        points = self.checklists.points(wish.departments, kinds, wish.starts_on)
        if not points:
            raise _invalid("departments", "no checklist of theirs is in force then")
        return points

    def _kinds(self) -> list[str]:
        return sorted({kind for checklist in self.checklists.lists for kind in checklist.sites})

    async def _insert_plan(
        self, connection: asyncpg.Connection, who: Principal, kind: str, wish: PlanWish, points: Sequence[Point]
    ) -> str:
        now, plan_id = self._clock.now(), str(uuid.uuid4())
        year = county_day(now).year
        number = f"JH-{year}-{await store.take_numbers(connection, 'plan', year, 1):06d}"
        plan = (
            plan_id, number, kind, wish.title, list(wish.departments), wish.division, wish.starts_on, wish.ends_on,
            wish.reason, now, who.subject,
        )  # fmt: skip
        await store.insert_plan(connection, plan, points)
        return plan_id

    async def _able(self, connection: asyncpg.Connection) -> list[str]:
        """Return whoever holds a certificate that is valid."""
        return [officer.subject for officer in await cases.officers(connection) if officer.may_act(self.today())]

    async def _send(
        self, connection: asyncpg.Connection, who: Principal, plan_id: str, wish: PlanWish, stops: Sequence[joint.Stop]
    ) -> None:
        """Plan the visits of a run; who goes where is spread by the plan's id."""
        site_ids = [stop.site_id for stop in stops]
        officers = await self._able(connection)
        bound = await store.conflicts(connection, site_ids, officers)
        going = {each.site: each.officers for each in _drawn(Pool.of(site_ids, officers, bound, len(stops)), plan_id)}
        known = {site["id"]: site for site in await store.sites(connection, who.scope, wish.division)}
        visits = [Going(known[s.site_id], s.departments, going[s.site_id], s.points) for s in stops]
        await self._plan_visits(connection, who, visits, plan_id, ON_SITE, wish.reason, wish.ends_on)

    async def _send_drawn(
        self, connection: asyncpg.Connection, who: Principal, plan_id: str, drawn: Sequence[Drawn]
    ) -> None:
        plan = await store.get_plan(connection, plan_id)
        known = {site["id"]: site for site in await store.sites(connection, who.scope, plan["division_code"])}
        visits = []
        for each in drawn:
            site = known.get(each.site)
            if site is None:  # retired since the pool was frozen: what was drawn stands, nobody goes there
                continue
            points = self.checklists.points(plan["departments"], [site["construction"]], plan["starts_on"])
            departments = tuple(dict.fromkeys(point.department for point in points))
            if points:
                visits.append(Going(site, departments, each.officers, tuple(points)))
        await self._plan_visits(connection, who, visits, plan_id, ON_SITE, plan["reason"], plan["ends_on"])

    # --- visits ---

    async def plan_visit(self, who: Principal, wish: VisitWish) -> str:
        """Plan a visit of one's own with a second officer; return its id. Forbidden, Invalid, NotFound."""
        if not who.has(INSPECTOR):
            raise Forbidden("visits are planned by inspectors")
        self._check_departments(wish.departments)
        if wish.planned_for < self.today():
            raise _invalid("planned_for", "lies in the past")
        async with self.pool.acquire() as connection, connection.transaction():
            officers = (who.subject, wish.second_officer)
            able = await self._able(connection)
            if len(set(officers)) != len(officers) or not set(officers) <= set(able):
                raise _invalid("second_officer", "two different officers with valid certificates are needed (Art. 42)")
            site = next((s for s in await store.sites(connection, who.scope, None) if s["id"] == wish.site_id), None)
            if site is None:
                raise NotFound(f"site {wish.site_id}")
            if bound := await store.conflicts(connection, [wish.site_id], officers):
                raise Conflict(f"{bound[0][0]} has declared an interest here and does not inspect it (Art. 43)")
            points = self.checklists.points(
                wish.departments, [site["construction"]], wish.planned_for, remote=wish.channel == REMOTE
            )
            if not points:
                raise _invalid("departments", "nothing of theirs can be looked at this way")
            taking_part = tuple(dict.fromkeys(point.department for point in points))
            going = Going(site, taking_part, officers, tuple(points))
            (visit_id,) = await self._plan_visits(
                connection, who, [going], None, wish.channel, wish.reason, wish.planned_for
            )
            await self._audit(connection, who, "visit plan", f"visit {visit_id}", _plain(wish))
        return visit_id

    async def _plan_visits(
        self, connection: asyncpg.Connection, who: Principal, visits: Sequence[Going], plan_id: str | None, channel: str,
        reason: str, planned_for: date,
    ) -> list[str]:  # fmt: skip
        now = self._clock.now()
        year = county_day(now).year
        first = await store.take_numbers(connection, "check_code", year, len(visits)) if visits else 0
        ids = [str(uuid.uuid4()) for _ in visits]
        rows = [
            (
                visit_id, check_code(self.catalogue.county, year, n), plan_id, channel, going.site["id"], going.site["name"],
                going.site["address"], going.site["division_code"], list(going.departments), list(going.officers), reason,
                planned_for, now, who.subject,
            )
            for n, (visit_id, going) in enumerate(zip(ids, visits, strict=True), first)
        ]  # fmt: skip
        await store.insert_visits(connection, rows, [(i, g.points) for i, g in zip(ids, visits, strict=True)])
        return ids

    async def see(
        self, connection: asyncpg.Connection, who: Principal, visit_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return a visit; NotFound beyond one's bounds too."""
        if not who.has(*OFFICIALS, OPERATOR) or not await store.is_seen(connection, visit_id, who.scope):
            raise NotFound(f"visit {visit_id}")
        return await store.get_visit(connection, visit_id, hold=hold)

    async def do(
        self, who: Principal, visit_id: str, command: Command, reason: str = "", position: Position = Position()
    ) -> None:
        """Move a visit; what the same person did already is done. NotFound, Forbidden, Conflict, Invalid."""
        async with self.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, command)
            if _is_done(visit, command, who.subject):
                return
            state = move(State(visit["state"]), command)
            events = await self._take(connection, who, visit, command, reason, position)
            await store.set_state(connection, visit_id, state, self._clock.now())
            await self._audit(
                connection, who, f"visit {command}", f"visit {visit['code']}", {"state": state, "reason": reason}
            )
            await publish(connection, STREAM, events)

    async def _held(
        self, connection: asyncpg.Connection, who: Principal, visit_id: str, command: Command
    ) -> asyncpg.Record:
        visit = await self.see(connection, who, visit_id, hold=True)
        if command in OF_THE_REGULATOR:
            if not who.has(REGULATOR):
                raise Forbidden(f"{command} is a regulator's")
        else:
            if not who.has(INSPECTOR):
                raise Forbidden(f"{command} is for inspectors")
            check_officer(who.subject, visit["officers"], command, visit["finished_by"])
        return visit

    async def _take(
        self, connection: asyncpg.Connection, who: Principal, visit: asyncpg.Record, command: Command, reason: str,
        position: Position,
    ) -> list[Event]:  # fmt: skip
        now = self._clock.now()
        match command:
            case Command.BEGIN:
                await store.set_begun(connection, visit["id"], now, position.latitude, position.longitude)
            case Command.FINISH:
                return await self._finish(connection, who, visit, now)
            case Command.CONFIRM:
                await store.set_confirmed(connection, visit["id"], now, who.subject)
            case Command.CANCEL:
                if not reason.strip():
                    raise _invalid("reason", "is needed")
        return []

    async def _finish(
        self, connection: asyncpg.Connection, who: Principal, visit: asyncpg.Record, now: datetime
    ) -> list[Event]:
        """Issue the record, and open tasks for what is not in order; Conflict while something is not said yet."""
        points = await store.visit_points(connection, visit["id"])
        seen = store.seen_in(points)
        if left := open_points([row["place"] for row in points], seen):
            raise Conflict(f"nothing is said yet of: {', '.join(map(str, left))}")
        await store.set_finished(connection, visit["id"], now, who.subject)
        pieces = await store.pieces(connection, visit["id"])
        content = record.content(await self._visited(connection, visit, pieces, now), self._lines(points))
        year = county_day(now).year
        place = await store.take_numbers(connection, f"visit_record_{visit['channel']}", year, 1)
        number = record.number(visit["channel"], year, place)
        sha256 = hashlib.sha256(canonical(content)).hexdigest()
        await self._printable(number, sha256, content, now)
        await store.insert_record(connection, (visit["id"], number, content, sha256, now))
        wrong = [points[n - 1] for n in failed(seen)]
        finished = VisitFinished(
            visit_id=visit["id"], code=visit["code"], channel=visit["channel"], site_id=visit["site_id"],
            departments=tuple(visit["departments"]), failed_items=tuple(dict.fromkeys(row["item_id"] for row in wrong)), at=now,
        )  # fmt: skip
        return [finished, *await self._open_tasks(connection, who, visit, wrong)]

    async def _open_tasks(
        self, connection: asyncpg.Connection, who: Principal, visit: asyncpg.Record, wrong: Sequence[asyncpg.Record]
    ) -> list[Event]:
        """Let whoever was responsible for the site when it was seen put right what is not in order: a task for each matter."""
        events: list[Event] = []
        causes = dict.fromkeys(self.checklists.tasks[row["item_id"]] for row in wrong)
        for cause in causes if visit["site_id"] is not None else ():
            about = [row for row in wrong if self.checklists.tasks[row["item_id"]] == cause]
            opening = Opening(
                origin=Origin.INSPECTION, cause=cause, severity=self._tasks.rules.cause(cause).severity or "minor",
                subject=visit["site_id"], occurred_at=min(row["at"] for row in about), actor=who.subject, role=Role.TEAM,
                reason=f"{visit['code']}: {'；'.join(row['text'] for row in about)}"[:500], site_id=visit["site_id"],
                details={"visit_id": visit["id"], "code": visit["code"], "items": [row["item_id"] for row in about]},
            )  # fmt: skip
            events += (await self._tasks.take_in(connection, opening)).events
        return events

    async def _printable(self, number: str, sha256: str, content: Mapping[str, Any], at: datetime) -> bytes:
        try:
            return await asyncio.to_thread(self.press.pdf, number, sha256, content, at)
        except Unprintable as error:
            raise Invalid(f"the record cannot be printed: {error}") from None

    async def pdf(self, visit_id: str) -> tuple[str, bytes]:
        """Return a record's number, and its PDF: the same bytes whenever it is printed."""
        async with self.pool.acquire() as connection:
            row = await store.get_record(connection, visit_id)
        printed = await self._printable(row["number"], row["sha256"], row["content"], row["issued_at"])
        return row["number"], printed

    async def _visited(
        self, connection: asyncpg.Connection, visit: asyncpg.Record, pieces: Sequence[asyncpg.Record], now: datetime
    ) -> record.Visited:
        names = await store.names_of(connection, visit["officers"])
        kinds = [piece["kind"] for piece in pieces]
        return record.Visited(
            organ=self.catalogue.own.name, code=visit["code"], channel=visit["channel"], premises=visit["premises_name"],
            address=visit["premises_address"], departments=tuple(self.catalogue.organs[d].name for d in visit["departments"]),
            officers=tuple(names[subject] for subject in visit["officers"]), began_at=visit["began_at"], finished_at=now,
            pieces={kind: kinds.count(kind) for kind in record.PIECES},
        )  # fmt: skip

    def _lines(self, points: Sequence[asyncpg.Record]) -> list[record.Line]:
        organs = self.catalogue.organs
        return [record.Line(organs[p["department"]].name, p["text"], p["result"], p["note"]) for p in points]

    async def note(self, who: Principal, visit_id: str, noted: Noted) -> None:
        """Keep what was seen at a point; the same key again changes nothing."""

        async def keep(connection: asyncpg.Connection) -> None:
            place = noted.position
            result = (
                noted.place, noted.key, noted.result, noted.note, self._clock.now(), who.subject, place.latitude,
                place.longitude,
            )  # fmt: skip
            await store.add_result(connection, visit_id, result)

        await self._add(who, visit_id, noted.place, keep)

    async def bring(self, who: Principal, visit_id: str, piece: Piece) -> None:
        """Keep a photo, a still or an extract; the same key again changes nothing."""

        async def keep(connection: asyncpg.Connection) -> None:
            row = (
                piece.key, piece.place, piece.kind, piece.title, dict(piece.source), piece.sha256, piece.size_bytes,
                piece.media_type, piece.name, piece.content, self._clock.now(), who.subject, piece.position.latitude,
                piece.position.longitude,
            )  # fmt: skip
            await store.add_piece(connection, visit_id, row)

        await self._add(who, visit_id, piece.place, keep)

    async def may_bring(self, who: Principal, visit_id: str) -> None:
        """Refuse whoever may not add to a visit, before anything is taken from him."""
        async with self.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, Command.NOTE)
            move(State(visit["state"]), Command.NOTE)

    async def _add(
        self, who: Principal, visit_id: str, place: int | None, keep: Callable[[asyncpg.Connection], Any]
    ) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, Command.NOTE)
            move(State(visit["state"]), Command.NOTE)
            if place is not None and not await store.has_place(connection, visit_id, place):
                raise _invalid("place", "is not on this visit's list")
            await keep(connection)

    # --- interests ---

    async def declare(self, who: Principal, subject: str, organisation_id: str, reason: str) -> int:
        """Declare an officer's interest: his own, or a regulator writes it down; return its id. Conflict, NotFound."""
        if not (who.has(REGULATOR) and who.scope.everything) and not (who.has(INSPECTOR) and who.subject == subject):
            raise Forbidden("an interest is declared by the officer himself, or by the county's regulator")
        async with self.pool.acquire() as connection, connection.transaction():
            if await cases.officer(connection, subject) is None:
                raise NotFound(f"officer {subject}")
            found = await store.declare(connection, subject, organisation_id, reason, self._clock.now(), who.subject)
            if found is None:
                raise Conflict("the same is declared already")
            said = {"organisation": organisation_id, "reason": reason}
            await self._audit(connection, who, "interest declare", f"officer {subject}", said)
        return found

    async def end_interest(self, who: Principal, interest_id: int) -> None:
        """Say that an interest is over; NotFound."""
        if not (who.has(REGULATOR) and who.scope.everything):
            raise Forbidden("that an interest is over is for the county's regulator to say")
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.end_interest(connection, interest_id, self._clock.now())
            await self._audit(
                connection, who, "interest end", f"officer {row['subject']}", {"organisation": row["organisation_id"]}
            )

    async def _audit(
        self, connection: asyncpg.Connection, who: Principal, action: str, subject: str, after: Mapping[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=subject, after=after
        )


def check_code(county: str, year: int, place: int) -> str:
    """Return the code of a check (行政行为码): county, year, and a number without gaps."""
    return f"XW{county}{year}{place:07d}"


def pool_of(frozen: Mapping[str, Any]) -> Pool:
    """Return a pool as it was published."""
    conflicts = tuple((officer, site) for officer, site in frozen["conflicts"])
    return Pool(tuple(frozen["sites"]), tuple(frozen["officers"]), conflicts, frozen["count"])


def _drawn(pool: Pool, seed: str) -> list[Drawn]:
    try:
        return draw(pool, seed)
    except ImpossibleDraw as error:
        raise Conflict(str(error)) from None


def _is_done(visit: asyncpg.Record, command: Command, subject: str) -> bool:
    """Say whether the same was done before, by the same person where it matters who: a form that was sent twice."""
    match command:
        case Command.BEGIN:
            return bool(visit["state"] == State.UNDER_WAY)
        case Command.FINISH:
            return bool(visit["state"] == State.FINISHED and visit["finished_by"] == subject)
        case Command.CONFIRM:
            return visit["confirmed_by"] is not None
    return bool(visit["state"] == State.CANCELLED)


def _plain(wish: PlanWish | VisitWish) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(wish).items()}


def _invalid(name: str, reason: str) -> Invalid:
    return Invalid(f"{name}: {reason}", fields=[FieldError(name, reason)])
