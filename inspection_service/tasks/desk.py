"""The desk where tasks are opened, joined and moved: the rules asked, and what they say written down."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import randbelow
from typing import Any

import asyncpg

from inspection_service import store as sites
from inspection_service.tasks import sayings, store
from inspection_service.tasks.assignment import Assignee, assignee, team_of
from inspection_service.tasks.availability import store as availability
from inspection_service.tasks.deadlines import due_at
from inspection_service.tasks.effects import Now, circumstances, effects, urged, waiting
from inspection_service.tasks.machine import Command, Role, State, has_place, move
from inspection_service.tasks.opening import Opening, Origin
from inspection_service.tasks.rules import Rules, Way, is_worse, rules
from inspection_service.tasks.urging import Stage
from inspection_service.tasks.verification import Wait, next_wait
from youguan.clock import Clock, county_day
from youguan.documents import Document
from youguan.events import Event, StationProbeWanted, TaskChanged, TaskMoved, TaskOpened

STREAM = "inspection"
SYSTEM, CHARGER = "system", "charger"


@dataclass(frozen=True, slots=True)
class Opened:
    """The task that something led to, and whether it was there already; `events` are to be published by whoever commits."""

    task_id: str
    number: str
    joined: bool
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Mover:
    """Who moves a task, as what and with which words; where he stood, WGS-84 degrees; what papers he brings."""

    actor: str
    role: Role
    reason: str
    latitude: float | None = None
    longitude: float | None = None
    papers: Sequence[Document] = ()


def machine(reason: str, actor: str = SYSTEM) -> Mover:
    """Return a mover that is no person."""
    return Mover(actor, Role.MACHINE, reason)


class TaskDesk:
    """Opens and moves tasks, each in the transaction of whoever asks, who publishes the events at its end."""

    def __init__(
        self, clock: Clock, holding_time: timedelta, *, draw: Callable[[], float] = lambda: randbelow(10**6) / 10**6
    ) -> None:
        self.clock = clock
        self.rules: Rules = rules()
        self.holding_time = holding_time
        self._draw = draw

    async def take_in(self, connection: asyncpg.Connection, opening: Opening) -> Opened:
        """Open a task for what somebody says, or join the one that is about the same thing. The caller publishes the events."""
        await store.take_turn(connection)
        known = await self._about_the_same(connection, opening)
        if known is None:
            return await self.open(connection, opening)
        mover = Mover(opening.actor, Role.MACHINE, f"{opening.origin}: {opening.reason}".strip(": "))
        events: list[Event] = []
        if known["state"] == State.CLOSED:
            events += await self.move(connection, known, Command.FAIL, mover)
        else:
            events += await self.move(connection, known, Command.JOIN, mover)
            if known["awaiting"] == Way.SAMPLING:  # somebody objects: it is not left to the lot
                events += await self._send_to_look(connection, known, sayings.SAID_AGAIN)
            if is_worse(opening.severity, known["severity"]):
                events += await self.worsen(connection, known, opening.severity, {})
        return Opened(known["id"], known["number"], True, events)

    async def _about_the_same(self, connection: asyncpg.Connection, opening: Opening) -> asyncpg.Record | None:
        """Return the task about the same thing: of the same cause, or an alert's that says the same; or one closed lately."""
        cause = self.rules.cause(opening.cause)
        if not cause.joins:
            return None
        known = await store.unclosed(connection, opening.cause, opening.subject)
        if known is None and cause.same_as:
            place = (opening.site_id, opening.station_id, opening.connector)
            known = next(iter(await store.unclosed_about(connection, cause.same_as, *place, 1)), None)
        return known or await self.closed_lately(connection, opening)

    async def closed_lately(self, connection: asyncpg.Connection, opening: Opening) -> asyncpg.Record | None:
        """Return the task of the same cause that was closed so lately that this is the same again, and the same party's."""
        since = self.clock.now() - self.rules.cause(opening.cause).reopens_within
        known = await store.closed_since(connection, opening.cause, opening.subject, since)
        if known is None:
            return None
        who, _ = await self._whose(connection, opening)
        return known if known["assignee_id"] == who.id else None

    async def _whose(
        self, connection: asyncpg.Connection, opening: Opening
    ) -> tuple[Assignee, tuple[Assignee, str | None]]:
        """Return who was responsible when it happened; the team in whose district it lies, and that district's division."""
        site = await sites.get_site(connection, opening.site_id) if opening.site_id else None
        division, name = (site["division_code"], site["division_name"]) if site else (None, None)
        team = team_of(await store.teams(connection), division, name)
        if opening.assignee is not None:
            return opening.assignee, (team, division)
        if opening.site_id is None:
            return team, (team, division)
        duties = await sites.duties(connection, opening.site_id)
        who = assignee(duties, opening.occurred_at, station_id=opening.station_id, otherwise=team)
        return who, (team, division)

    async def open(self, connection: asyncpg.Connection, opening: Opening) -> Opened:
        """Open a task, whatever others there are."""
        now, terms = self.clock.now(), self.rules.terms[opening.severity]
        who, (team, division) = await self._whose(connection, opening)
        task_id = str(uuid.uuid4())
        task: dict[str, Any] = {
            "id": task_id, "number": await store.next_number(connection, county_day(now).year), "origin": opening.origin,
            "cause": opening.cause, "subject": opening.subject or task_id, "alert_id": opening.alert_id,
            "severity": opening.severity, "state": State.OPEN, "fires": opening.fires, "site_id": opening.site_id,
            "station_id": opening.station_id, "connector": opening.connector, "division_code": division,
            "assignee_id": who.id, "assignee_name": who.name, "assignee_role": who.role, "team_id": team.id,
            "team_name": team.name, "occurred_at": opening.occurred_at, "opened_at": now, "moved_at": now,
            "due_at": due_at(now, terms), "urged": Stage.NONE, "details": opening.details,
        }  # fmt: skip
        await store.insert_task(connection, task | urged(task, self.rules, since=now))
        line = (now, opening.actor, opening.role, "open", None, State.OPEN, opening.reason, None, None, None, None)
        await store.add_history(connection, task_id, line)
        events = [_opened(task, now), *await self._merge(connection, opening, task)]
        return Opened(task_id, task["number"], False, events)

    async def _merge(self, connection: asyncpg.Connection, opening: Opening, task: Mapping[str, Any]) -> list[Event]:
        """Let what people told of the same thing before become part of an alert's task."""
        matters = self.rules.matters_like(opening.cause) if opening.origin == Origin.ALERT else ()
        if not matters:
            return []
        place = (opening.site_id, opening.station_id, opening.connector)
        events: list[Event] = []
        for earlier in await store.unclosed_about(connection, matters, *place):
            into = {"merged_into": task["id"]}
            events += await self.try_to_move(connection, earlier, Command.MERGE, machine(task["number"]), also=into)
            events += await self.move(connection, task, Command.JOIN, machine(earlier["number"]))
        return events

    async def try_to_move(
        self,
        connection: asyncpg.Connection,
        task: Mapping[str, Any],
        command: Command,
        mover: Mover,
        *,
        also: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Move a task where the command has a place; what is said of it (`also`) holds in any case."""
        if has_place(State(task["state"]), command):
            return await self.move(connection, task, command, mover, also=also)
        await store.change_task(connection, task["id"], also or {})
        return []

    async def move(
        self,
        connection: asyncpg.Connection,
        task: Mapping[str, Any],
        command: Command,
        mover: Mover,
        *,
        also: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """Move a held task, write its history and return the events; Conflict where the command has no place.

        `also`: columns that the command itself changes, beside what the rules say of the new state.
        """
        state = move(State(task["state"]), command)
        taken_from = _taken_from(task, also or {})
        task = {**task, **(also or {})}
        now = await self._now(connection, task)
        changed = {**effects(task, state, self.rules, now), **(also or {})}
        if state == State.CLOSED:
            changed["closed_by"] = command
        await store.change_task(connection, task["id"], changed)
        said = (mover.actor, mover.role, command, task["state"], state, mover.reason, mover.latitude, mover.longitude)
        whose = (_given_to(also or {}), taken_from)
        await store.add_history(connection, task["id"], (now.at, *said, *whose), mover.papers)
        return [
            TaskMoved(
                task_id=task["id"],
                previous=task["state"],
                state=state,
                reason=mover.reason,
                at=now.at,
                actor=mover.actor,
            ),
            *_told({**task, **changed}, changed, now.at),
        ]

    async def wait_on(self, connection: asyncpg.Connection, task: Mapping[str, Any], after: Way) -> list[Event]:
        """Let a mended task wait for what can prove it next, since one way has led nowhere; a wait for the lot closes it."""
        if after == Way.SAMPLING:
            return await self.move(connection, task, Command.SAMPLE, machine(sayings.NOT_DRAWN))
        now = await self._now(connection, task)
        cause = self.rules.cause(task["cause"])
        wait = next_wait(cause, self.rules.proof, circumstances(task, now), now.at, after=after)
        if wait.way == Way.INSPECTOR:
            return await self._send_to_look(connection, task, sayings.UNPROVED)
        await store.change_task(connection, task["id"], waiting(task, wait, self.rules, now.at))
        return []

    async def _send_to_look(self, connection: asyncpg.Connection, task: Mapping[str, Any], reason: str) -> list[Event]:
        """Let an inspector look whether what is said to be mended is."""
        changed = waiting(task, Wait(Way.INSPECTOR, None), self.rules, self.clock.now())
        return await self.move(connection, task, Command.VISIT, machine(reason), also=changed)

    async def _now(self, connection: asyncpg.Connection, task: Mapping[str, Any]) -> Now:
        heard = not await availability.is_unheard(connection, task["station_id"])
        in_service = not await availability.is_unavailable(connection, task["station_id"], task["connector"])
        return Now(self.clock.now(), heard, in_service, self._draw(), self.holding_time)

    async def worsen(
        self, connection: asyncpg.Connection, task: Mapping[str, Any], severity: str, details: Mapping[str, Any]
    ) -> list[Event]:
        """Let a task be as bad as its cause has become; its deadline is never put off."""
        now = self.clock.now()
        terms = self.rules.terms[severity]
        worse = {
            "severity": severity,
            "due_at": min(due_at(now, terms), task["due_at"]),
            "details": {**task["details"], **details},
        }
        worse |= urged({**task, **worse}, self.rules, since=now)
        reason = sayings.WORSENED.format(was=task["severity"], now=severity, day=county_day(worse["due_at"]))
        return await self.try_to_move(connection, task, Command.WORSEN, machine(reason, CHARGER), also=worse)


def _given_to(also: Mapping[str, Any]) -> str | None:
    """Return the name of whom a task is given by what changes with a move, or would be if it were granted."""
    asked: str | None = (also.get("request") or {}).get("to_name")
    return asked or also.get("assignee_name") or also.get("team_name")


def _taken_from(task: Mapping[str, Any], also: Mapping[str, Any]) -> str | None:
    """Return whose a task was, where it becomes another's."""
    had: str = task["assignee_id"]
    return had if also.get("assignee_id", had) != had else None


def _opened(task: Mapping[str, Any], now: datetime) -> TaskOpened:
    return TaskOpened(
        task_id=task["id"], number=task["number"], cause=task["cause"], site_id=task["site_id"],
        station_id=task["station_id"], connector=task["connector"], assignee_id=task["assignee_id"],
        assignee_name=task["assignee_name"], due_on=county_day(task["due_at"]), at=now,
    )  # fmt: skip


def _told(task: Mapping[str, Any], changed: Mapping[str, Any], now: datetime) -> list[Event]:
    """Return what others have to know of what has changed beside the state."""
    events: list[Event] = []
    if "reopened" in changed:
        events.append(_opened(task, now))
    if changed.keys() & {"due_at", "assignee_id"}:
        events.append(
            TaskChanged(
                task_id=task["id"], assignee_id=task["assignee_id"], assignee_name=task["assignee_name"],
                due_on=county_day(task["due_at"]), at=now,
            )
        )  # fmt: skip
    if changed.get("probe_id") is not None:
        events.append(
            StationProbeWanted(
                probe_id=changed["probe_id"], station_id=task["station_id"], connector=task["connector"],
                reason=f"task {task['number']}", at=now,
            )
        )  # fmt: skip
    return events
