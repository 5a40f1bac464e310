"""What people do with tasks: their role asked, the conditions held, the move written down, all of it audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from inspection_service import store as sites
from inspection_service.tasks import store
from inspection_service.tasks.assignment import Assignee, team_of
from inspection_service.tasks.conditions import TIME, TRANSFER, WHY, Said, roles_in, unmet
from inspection_service.tasks.desk import STREAM, Mover, Opened, TaskDesk
from inspection_service.tasks.effects import given, put_off
from inspection_service.tasks.machine import (
    ON_THE_SPOT,
    PEOPLES_COMMANDS,
    TABLE,
    Command,
    Role,
    State,
    has_place,
    may,
    move,
)
from inspection_service.tasks.opening import Opening, Origin
from inspection_service.tasks.places import place
from inspection_service.tasks.reading import Reading, read_by, within
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import utc_text
from youguan.documents import Document, hold_quota
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.quota import A_DAY, DOCUMENTS, refuse_beyond

HANDLERS = (OPERATOR, INSPECTOR, REGULATOR)
MOST_PAPERS = 10
# An act goes unpunished after two years (Art. 36); who managed a site before is nobody's work any more.
FURTHEST_BACK = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody opens a task about. `department`, `document`: who passed it on, and under which number."""

    cause: str
    reason: str
    severity: str | None = None
    site_id: str | None = None
    station_id: str | None = None
    connector: int | None = None
    occurred_at: datetime | None = None
    department: str | None = None
    document: str | None = None


class Counter:
    """Where people open, read and move tasks."""

    def __init__(self, pool: asyncpg.Pool, desk: TaskDesk) -> None:
        self.pool = pool
        self.desk = desk

    def now(self) -> datetime:
        return self.desk.clock.now()

    # --- reading ---

    async def see(
        self, connection: asyncpg.Connection, who: Principal, task_id: str, *, hold: bool = False
    ) -> asyncpg.Record:
        """Return a task that is somebody's to move; NotFound beyond his bounds too."""
        task = await store.get_task(connection, task_id, hold=hold)
        if not within(who, task):
            raise NotFound(Reason("task {id}", id=task_id))
        return task

    async def read(self, connection: asyncpg.Connection, who: Principal, task_id: str) -> Reading:
        """Return a task as somebody may read it, who need not be able to move it: it may have been his before. NotFound."""
        task = await store.get_task(connection, task_id)
        whole = Reading(task, await store.history(connection, task_id), await store.papers(connection, task_id))
        if (read := read_by(who, whole)) is None:
            raise NotFound(Reason("task {id}", id=task_id))
        return read

    def offers(self, who: Principal, task: Mapping[str, Any]) -> list[Command]:
        """Return what somebody may do with a task now."""
        roles = _roles(who, task)
        said = Said(reason="…")
        possible = [
            c
            for c in PEOPLES_COMMANDS
            if may(c, roles) and has_place(State(task["state"]), c) and _can_see_for_himself(who, c)
        ]
        return [
            c for c in possible if unmet(task, c, who.subject, said, self.desk.rules, self.now()) in (None, "until")
        ]

    async def targets(
        self, connection: asyncpg.Connection, task: Mapping[str, Any], command: Command
    ) -> list[Assignee]:
        """Return whom a task can be given to: the parties of its site's ledger, or the teams."""
        teams = await store.teams(connection)
        near = team_of(teams, task["division_code"], task["division_name"])
        if command == Command.DISPATCH:
            centre = team_of((), None, None)
            found = [Assignee(team.id, team.name, "team") for team in teams]
            has = task["team_id"]
            found += [team for team in (near, centre) if team.id not in {one.id for one in found}]
        else:
            duties = await sites.duties(connection, task["site_id"]) if task["site_id"] else []
            now, has = self.now(), task["assignee_id"]
            moments = (task["occurred_at"], now)
            held = [duty for duty in duties if any(map(duty.holds_at, moments))]
            found = list(
                {d.organisation_id: Assignee(d.organisation_id, d.organisation_name, d.role) for d in held}.values()
            )
            found.append(near)
        return [target for target in found if target.id != has]

    # --- opening ---

    async def open(self, who: Principal, finding: Finding) -> Opened:
        """Open a task by hand, or for another department; or join the one about the same thing. Invalid, NotFound."""
        opening = self._opening(who, finding)
        async with self.pool.acquire() as connection, connection.transaction():
            opening = await self._placed(connection, who, opening)
            opened = await self.desk.take_in(connection, opening)
            await audit.record(
                connection, at=self.now(), actor=who.subject, action="task join" if opened.joined else "task open",
                subject=f"task {opened.number}", after={"origin": opening.origin, "cause": opening.cause, **_shown(finding)},
            )  # fmt: skip
            await publish(connection, STREAM, opened.events)
        return opened

    def _opening(self, who: Principal, finding: Finding) -> Opening:
        now, rules = self.now(), self.desk.rules
        if finding.cause not in rules.matters:
            raise Invalid.about("cause", "is none that people open tasks about")
        occurred = finding.occurred_at or now
        if not now - FURTHEST_BACK <= occurred <= now:
            raise Invalid.about("occurred_at", WHY["occurred_at"])
        passed_on = {"department": finding.department, "document": finding.document} if finding.department else {}
        role = Role.CENTRE if who.has(REGULATOR) else Role.TEAM
        return Opening(
            origin=Origin.DEPARTMENT if finding.department else Origin.HAND, cause=finding.cause,
            severity=finding.severity or rules.cause(finding.cause).severity or "minor", subject="", occurred_at=occurred,
            actor=who.subject, role=role, reason=finding.reason, site_id=finding.site_id, station_id=finding.station_id,
            connector=finding.connector, details={"text": finding.reason, **passed_on},
        )  # fmt: skip

    async def _placed(self, connection: asyncpg.Connection, who: Principal, opening: Opening) -> Opening:
        """Return the same with its site, found within one's bounds; NotFound."""
        placed = await place(connection, opening, self.desk.rules)
        site = await sites.get_site(connection, placed.site_id) if placed.site_id else None
        if placed.site_id is None and not who.scope.everything:
            raise Invalid.about("site_id", "name a site or a station")
        if placed.site_id is not None and (site is None or not who.scope.covers(site["division_code"], None)):
            raise NotFound(Reason("site {id}", id=placed.site_id))
        return placed

    # --- moving ---

    async def check(self, who: Principal, task_id: str, command: Command) -> None:
        """Say before anything is uploaded whether somebody may do this at all; Forbidden, NotFound."""
        async with self.pool.acquire() as connection:
            _refuse_role(who, command, await self.see(connection, who, task_id))

    async def refuse_beyond_quota(self, connection: asyncpg.Connection, who: Principal, sizes: Sequence[int]) -> None:
        """Refuse papers of so many bytes each that are too much for a day; TooManyRequests."""
        brought, now = await store.papers_since(connection, who.subject, self.now() - A_DAY), self.now()
        refuse_beyond(DOCUMENTS, brought, len(sizes), sum(sizes), now)

    async def do(
        self, who: Principal, task_id: str, command: Command, said: Said, papers: Sequence[Document] = ()
    ) -> None:
        """Let somebody move a task; NotFound, Forbidden, Conflict, Invalid."""
        async with self.pool.acquire() as connection, connection.transaction():
            task = await self.see(connection, who, task_id, hold=True)
            role = _refuse_role(who, command, task)
            if not has_place(State(task["state"]), command):
                raise Conflict(Reason("a task that is {state} cannot {command}", state=task["state"], command=command))
            if (why := unmet(task, command, who.subject, said, self.desk.rules, self.now())) is not None:
                raise _refused(why)
            also = await self._also(connection, who, task, command, said)
            if papers:
                await hold_quota(connection, who.subject)
                await self.refuse_beyond_quota(connection, who, [paper.size_bytes for paper in papers])
            mover = Mover(who.subject, role, said.reason, said.latitude, said.longitude, papers)
            try:
                events = await self.desk.move(connection, task, command, mover, also=also)
            except (
                asyncpg.UniqueViolationError
            ):  # since we looked, another about the same thing was opened, or found not mended
                raise _refused("another") from None
            brought = [paper.sha256 for paper in papers]
            await audit.record(
                connection, at=self.now(), actor=who.subject, action=f"task {command}", subject=f"task {task['number']}",
                before={"state": task["state"], **{name: task[name] for name in also}},
                after={"state": move(State(task["state"]), command), "reason": said.reason, **also, "papers": brought},
            )  # fmt: skip
            await publish(connection, STREAM, events)

    async def _also(
        self, connection: asyncpg.Connection, who: Principal, task: asyncpg.Record, command: Command, said: Said
    ) -> dict[str, Any]:
        """Return what a command changes beside the state."""
        now, request = self.now(), task["request"]
        match command:
            case Command.MEND:
                return {"mended_by": who.subject}
            case Command.REFUTE if task["state"] == State.CLOSED:
                if await store.unclosed(connection, task["cause"], task["subject"]) is not None:
                    raise _refused("another")
            case Command.ASK_TIME:
                assert said.until is not None
                asked = {"kind": TIME, "until": utc_text(said.until), "by": who.subject, "at": utc_text(now)}
                return {"request": asked | {"reason": said.reason}, "time_asked": True}
            case Command.ASK_TRANSFER:
                to = await self._target(connection, task, command, said.to)
                asked = {"kind": TRANSFER, "to": to.id, "to_name": to.name, "by": who.subject, "at": utc_text(now)}
                return {"request": asked | {"reason": said.reason}}
            case Command.GRANT_TIME:
                until = datetime.fromisoformat(request["until"])
                return {"request": None, **put_off(task, until, self.desk.rules, now)}
            case Command.GRANT_TRANSFER:
                return await self._given(connection, task, command, request["to"])
            case Command.REASSIGN:
                return await self._given(connection, task, command, said.to)
            case Command.REFUSE:
                return {"request": None}
            case Command.DISPATCH:
                team = await self._target(connection, task, command, said.to)
                return {"team_id": team.id, "team_name": team.name}
        return {}

    async def _given(
        self, connection: asyncpg.Connection, task: asyncpg.Record, command: Command, to: str | None
    ) -> dict[str, Any]:
        """Return what changes as a task becomes his to whom it is given."""
        target = await self._target(connection, task, command, to)
        return given(task, target, self.desk.rules, self.now())

    async def _target(
        self, connection: asyncpg.Connection, task: asyncpg.Record, command: Command, to: str | None
    ) -> Assignee:
        for target in await self.targets(connection, task, command):
            if target.id == to:
                return target
        raise Invalid.about("to", WHY["to"])


def _roles(who: Principal, task: Mapping[str, Any]) -> set[Role]:
    return roles_in(
        task,
        operator_of=who.organisation_id if who.has(OPERATOR) else None,
        inspector=who.has(INSPECTOR),
        regulator=who.has(REGULATOR),
    )


def _can_see_for_himself(who: Principal, command: Command) -> bool:
    return who.scopes is None or command not in ON_THE_SPOT


def _refuse_role(who: Principal, command: Command, task: asyncpg.Record) -> Role:
    """Return as what somebody gives a command; Forbidden."""
    if not who.has(*HANDLERS):
        raise Forbidden(Reason("this needs one of the roles: {roles}", roles=", ".join(HANDLERS)))
    if not _can_see_for_himself(who, command):
        raise Forbidden(Reason("{command} is for a person who was there, not for a machine's key", command=command))
    fitting = _roles(who, task) & TABLE[command].roles
    if not fitting:
        raise Forbidden(
            Reason("the step {command} is for: {roles}", command=command, roles=", ".join(sorted(TABLE[command].roles)))
        )
    return min(fitting)


def _refused(why: str) -> Conflict | Invalid:
    """Return what is said against a command: about what was said with it, or about how the task stands."""
    if why in ("reason", "until"):
        return Invalid.about(why, WHY[why])
    return Conflict(WHY[why], fields=[FieldError(why, WHY[why])])


def _shown(finding: Finding) -> dict[str, Any]:
    members = ("site_id", "station_id", "connector", "reason", "department", "document")
    return {name: getattr(finding, name) for name in members if getattr(finding, name) is not None}
