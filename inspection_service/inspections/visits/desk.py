"""Where visits are carried out: begun, noted point by point, finished with a record, confirmed by the other officer."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.evidence.chain import canonical
from inspection_service.inspections import store as office_store
from inspection_service.inspections.office import Going, Office, plain
from inspection_service.inspections.plans.desk import RANDOM
from inspection_service.inspections.visits import record, store
from inspection_service.inspections.visits.machine import (
    NOWHERE,
    OF_THE_REGULATOR,
    ON_SITE,
    REMOTE,
    Command,
    Position,
    State,
    check_officer,
    check_replacer,
    failed,
    move,
    open_points,
)
from inspection_service.inspections.visits.succession import Successor, drawn_next
from inspection_service.printing.press import Press, Unprintable
from inspection_service.tasks import sayings
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.machine import Role
from inspection_service.tasks.opening import Opening, Origin
from inspection_service.tasks.places import place
from youguan.auth import INSPECTOR, OFFICIALS, OPERATOR, REGULATOR, Principal
from youguan.clock import county_day
from youguan.documents import hold_quota
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import Event, VisitFinished
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond

STREAM = "inspection"


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
class Replacement:
    """An officer who cannot go, or go on, and who comes for him; None: whom the draw names."""

    leaves: str
    comes: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """What is said with a command, and where whoever says it stands.

    `rights_told`, with the beginning: certificates were shown, and the party was told its rights (Penalty Law Art. 55).
    """

    reason: str = ""
    position: Position = NOWHERE
    rights_told: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """What was seen at a point of the list; `key` is the sender's own: sent again, it is the same note."""

    place: int
    result: str
    key: str
    note: str = ""
    position: Position = NOWHERE


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
    position: Position = NOWHERE


class VisitDesk:
    """Plans single visits, and carries all of them out."""

    def __init__(self, office: Office, press: Press, tasks: TaskDesk) -> None:
        self.office = office
        self.press = press
        self._tasks = tasks

    async def plan_visit(self, who: Principal, wish: VisitWish) -> str:
        """Plan a visit of one's own with a second officer; return its id. Forbidden, Invalid, NotFound."""
        if not who.has(INSPECTOR):
            raise Forbidden("visits are planned by inspectors")
        self.office.check_departments(wish.departments)
        if wish.planned_for < self.office.today():
            raise Invalid.about("planned_for", "lies in the past")
        async with self.office.pool.acquire() as connection, connection.transaction():
            officers = (who.subject, wish.second_officer)
            able = await self.office.able(connection)
            if len(set(officers)) != len(officers) or not set(officers) <= set(able):
                raise Invalid.about(
                    "second_officer", "two different officers with valid certificates are needed (Art. 42)"
                )
            site = next(
                (s for s in await office_store.sites(connection, who.scope, None) if s["id"] == wish.site_id), None
            )
            if site is None:
                raise NotFound(Reason("site {id}", id=wish.site_id))
            await self._refuse_bound(connection, [wish.site_id], officers)
            points = self.office.checklists.points(
                wish.departments, [site["construction"]], wish.planned_for, remote=wish.channel == REMOTE
            )
            if not points:
                raise Invalid.about("departments", "nothing of theirs can be looked at this way")
            taking_part = tuple(dict.fromkeys(point.department for point in points))
            going = Going(site, taking_part, officers, tuple(points))
            (visit_id,) = await self.office.send(
                connection, who, [going], None, wish.channel, wish.reason, wish.planned_for
            )
            await self.office.note(connection, who, "visit plan", f"visit {visit_id}", plain(wish))
        return visit_id

    async def see(
        self, connection: asyncpg.Connection, who: Principal, visit_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return a visit; NotFound beyond one's bounds too."""
        if not who.has(*OFFICIALS, OPERATOR) or not await store.is_seen(connection, visit_id, who.scope):
            raise NotFound(Reason("visit {id}", id=visit_id))
        return await store.get_visit(connection, visit_id, hold=hold)

    async def do(self, who: Principal, visit_id: str, command: Command, said: Said = Said()) -> None:
        """Move a visit; what the same person did already is done. NotFound, Forbidden, Conflict, Invalid."""
        async with self.office.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, command)
            if _is_done(visit, command, who.subject):
                return
            state = move(State(visit["state"]), command)
            events = await self._take(connection, who, visit, command, said)
            await store.set_state(connection, visit_id, state, self.office.clock.now())
            await self.office.note(
                connection,
                who,
                f"visit {command}",
                f"visit {visit['code']}",
                {"state": state, "reason": said.reason, "rights_told": said.rights_told},
            )
            await publish(connection, STREAM, events)

    async def replace_officer(self, who: Principal, visit_id: str, wanted: Replacement) -> None:
        """Let an officer take the place of another until the visit is finished; sent again, it is done. Both stay on record.
        Who comes to what was drawn the draw's seed says.

        NotFound, Forbidden, Invalid (no valid certificate, one of the two already), Conflict (declared an interest here, finished).
        """
        now = self.office.clock.now()
        async with self.office.pool.acquire() as connection, connection.transaction():
            visit = await self.see(connection, who, visit_id, hold=True)
            officers, planned = visit["officers"], visit["plan_id"] is not None
            if not who.has(INSPECTOR, REGULATOR):
                raise Forbidden("officers are replaced by officials")
            check_replacer(who.subject, officers, regulator=who.has(REGULATOR), planned=planned)
            left = {row["leaves"] for row in await store.replacements(connection, visit_id)}
            if wanted.leaves in left.difference(officers) and wanted.comes in (None, *officers):
                return
            move(State(visit["state"]), Command.REPLACE)
            found = await self._successor(connection, visit, wanted)
            said = (wanted.leaves, found.subject, wanted.reason.strip(), now, who.subject, found.passed_over)
            await store.replace_officer(connection, visit_id, said)
            await self.office.note(
                connection, who, "visit replace", f"visit {visit['code']}",
                {
                    "leaves": wanted.leaves, "comes": found.subject, "reason": wanted.reason,
                    "passed_over": found.passed_over,
                },
            )  # fmt: skip

    async def _successor(self, connection: asyncpg.Connection, visit: asyncpg.Record, wanted: Replacement) -> Successor:
        """Return who comes: whom the seed names where officers were drawn, else whoever was chosen."""
        if not wanted.reason.strip():
            raise Invalid.about("reason", "is needed")
        if wanted.leaves not in visit["officers"]:
            raise Invalid.about("leaves", "is none of the two officers of this visit")
        if visit["plan_kind"] == RANDOM:
            drawn = await drawn_next(connection, self.office, visit)
            if wanted.comes not in (None, drawn.subject):
                names = await office_store.names_of(connection, [drawn.subject])
                raise Invalid.about(
                    "comes", Reason("the seed of the draw names {officer} next", officer=names[drawn.subject])
                )
            return drawn
        able = await self.office.able(connection)
        if wanted.comes is None or wanted.comes in visit["officers"] or wanted.comes not in able:
            raise Invalid.about("comes", "another officer with a valid certificate is needed (Art. 42)")
        sites = [visit["site_id"]] if visit["site_id"] else []
        await self._refuse_bound(connection, sites, [wanted.comes])
        return Successor(wanted.comes)

    async def _refuse_bound(
        self, connection: asyncpg.Connection, site_ids: Sequence[str], officers: Sequence[str]
    ) -> None:
        """Refuse officers who have declared an interest in one of the sites; Conflict."""
        if bound := await office_store.conflicts(connection, site_ids, officers, self.office.clock.now()):
            raise Conflict(
                Reason("{officer} has declared an interest here and does not inspect it (Art. 43)", officer=bound[0][0])
            )

    async def _held(
        self, connection: asyncpg.Connection, who: Principal, visit_id: str, command: Command
    ) -> asyncpg.Record:
        visit = await self.see(connection, who, visit_id, hold=True)
        if command in OF_THE_REGULATOR:
            if not who.has(REGULATOR):
                raise Forbidden(Reason("{command} is a regulator's", command=command))
        else:
            if not who.has(INSPECTOR):
                raise Forbidden(Reason("{command} is for inspectors", command=command))
            check_officer(who.subject, visit["officers"], command, visit["finished_by"])
        return visit

    async def _take(
        self, connection: asyncpg.Connection, who: Principal, visit: asyncpg.Record, command: Command, said: Said
    ) -> list[Event]:
        now = self.office.clock.now()
        match command:
            case Command.BEGIN:
                told = said.rights_told and visit["channel"] == ON_SITE
                await store.set_begun(connection, visit["id"], now, said.position, rights_told=told)
            case Command.FINISH:
                return await self._finish(connection, who, visit, now)
            case Command.CONFIRM:
                await store.set_confirmed(connection, visit["id"], now, who.subject)
            case Command.CANCEL:
                if not said.reason.strip():
                    raise Invalid.about("reason", "is needed")
        return []

    async def _finish(
        self, connection: asyncpg.Connection, who: Principal, visit: asyncpg.Record, now: datetime
    ) -> list[Event]:
        """Issue the record, and open tasks for what is not in order; Conflict while something is not said yet."""
        points = await store.visit_points(connection, visit["id"])
        seen = store.seen_in(points)
        if left := open_points([row["place"] for row in points], seen):
            raise Conflict(Reason("nothing is said yet of: {places}", places=", ".join(map(str, left))))
        await store.set_finished(connection, visit["id"], now, who.subject)
        pieces = await store.pieces(connection, visit["id"])
        content = record.content(await self._visited(connection, visit, pieces, now), self._lines(points))
        year = county_day(now).year
        place = await office_store.take_numbers(connection, f"visit_record_{visit['channel']}", year, 1)
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
        causes = dict.fromkeys(self.office.checklists.tasks[row["item_id"]] for row in wrong)
        for cause in causes if visit["site_id"] is not None else ():
            about = [row for row in wrong if self.office.checklists.tasks[row["item_id"]] == cause]
            opening = Opening(
                origin=Origin.INSPECTION, cause=cause, severity=self._tasks.rules.cause(cause).severity or "minor",
                subject="", occurred_at=min(row["at"] for row in about), actor=who.subject, role=Role.TEAM,
                reason=sayings.found(visit["code"], (row["text"] for row in about))[:500], site_id=visit["site_id"],
                details={"visit_id": visit["id"], "code": visit["code"], "items": [row["item_id"] for row in about]},
            )  # fmt: skip
            placed = await place(connection, opening, self._tasks.rules)
            events += (await self._tasks.take_in(connection, placed)).events
        return events

    async def _printable(self, number: str, sha256: str, content: Mapping[str, Any], at: datetime) -> bytes:
        try:
            return await asyncio.to_thread(self.press.pdf, number, sha256, content, at)
        except Unprintable as error:
            raise Invalid(Reason("the record cannot be printed: {error}", error=error)) from None

    async def pdf(self, visit_id: str) -> tuple[str, bytes]:
        """Return a record's number, and its PDF: the same bytes whenever it is printed."""
        async with self.office.pool.acquire() as connection:
            row = await store.get_record(connection, visit_id)
        printed = await self._printable(row["number"], row["sha256"], row["content"], row["issued_at"])
        return row["number"], printed

    async def _visited(
        self, connection: asyncpg.Connection, visit: asyncpg.Record, pieces: Sequence[asyncpg.Record], now: datetime
    ) -> record.Visited:
        names = await office_store.names_of(connection, visit["officers"])
        kinds = [piece["kind"] for piece in pieces]
        left = await store.replacements(connection, visit["id"])
        return record.Visited(
            organ=self.office.catalogue.own.name, code=visit["code"], channel=visit["channel"], premises=visit["premises_name"],
            address=visit["premises_address"],
            departments=tuple(self.office.catalogue.organs[d].name for d in visit["departments"]),
            officers=tuple(names[subject] for subject in visit["officers"]), began_at=visit["began_at"], finished_at=now,
            pieces={kind: kinds.count(kind) for kind in record.PIECES},
            rights_told=visit["rights_told"],
            replaced=tuple((row["left_name"], row["came_name"], row["reason"]) for row in left),
            asked=tuple(_asked(piece["source"]) for piece in pieces if "outcome" in piece["source"]),
        )  # fmt: skip

    def _lines(self, points: Sequence[asyncpg.Record]) -> list[record.Line]:
        organs = self.office.catalogue.organs
        return [record.Line(organs[p["department"]].name, p["text"], p["result"], p["note"]) for p in points]

    async def note(self, who: Principal, visit_id: str, noted: Noted) -> None:
        """Keep what was seen at a point; the same key again changes nothing."""

        async def keep(connection: asyncpg.Connection) -> None:
            place = noted.position
            result = (
                noted.place, noted.key, noted.result, noted.note, self.office.clock.now(), who.subject, place.latitude,
                place.longitude,
            )  # fmt: skip
            await store.add_result(connection, visit_id, result)

        await self._add(who, visit_id, noted.place, keep)

    async def bring(self, who: Principal, visit_id: str, piece: Piece) -> None:
        """Keep a photo, a still or an extract; the same key again changes nothing."""

        async def keep(connection: asyncpg.Connection) -> None:
            row = (
                piece.key, piece.place, piece.kind, piece.title, dict(piece.source), piece.sha256, piece.size_bytes,
                piece.media_type, piece.name, piece.content, self.office.clock.now(), who.subject, piece.position.latitude,
                piece.position.longitude,
            )  # fmt: skip
            await hold_quota(connection, who.subject)
            now = self.office.clock.now()
            brought = await store.pieces_since(connection, who.subject, now - A_DAY)
            if await store.add_piece(connection, visit_id, row) and piece.kind in store.UPLOADED:
                refuse_beyond(DOCUMENTS, brought, 1, piece.size_bytes, now)

        await self._add(who, visit_id, piece.place, keep)

    async def may_bring(self, who: Principal, visit_id: str, size_bytes: int = 0) -> None:
        """Refuse whoever may not add to a visit, before anything is taken from him; TooManyRequests beyond a day's quota."""
        now = self.office.clock.now()
        async with self.office.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, Command.NOTE)
            move(State(visit["state"]), Command.NOTE)
            brought = await store.pieces_since(connection, who.subject, now - A_DAY)
        refuse_beyond(DOCUMENTS, brought, 1, size_bytes, now)

    async def _add(
        self, who: Principal, visit_id: str, place: int | None, keep: Callable[[asyncpg.Connection], Any]
    ) -> None:
        async with self.office.pool.acquire() as connection, connection.transaction():
            visit = await self._held(connection, who, visit_id, Command.NOTE)
            move(State(visit["state"]), Command.NOTE)
            if place is not None and not await store.has_place(connection, visit_id, place):
                raise Invalid.about("place", "is not on this visit's list")
            await keep(connection)


def _asked(source: Mapping[str, Any]) -> record.Asked:
    """Return what a probe's piece says of its station."""
    return record.Asked(source["station_id"], datetime.fromisoformat(source["at"]), source["outcome"], source["said"])


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
