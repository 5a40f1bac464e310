"""What happens to tasks by itself as time passes. Every moment is a column of its task, so that a restart forgets none."""

import asyncio
from typing import Any

import asyncpg

from inspection_service.tasks import sayings, store
from inspection_service.tasks.desk import STREAM, TaskDesk, machine
from inspection_service.tasks.effects import urged
from inspection_service.tasks.machine import Command
from inspection_service.tasks.rules import Way
from inspection_service.tasks.urging import COMMANDS, Stage, due_now, waits_for_party
from youguan.eventlog import publish
from youguan.events import Event, TaskUrged

LONGEST_PAUSE_S, SHORTEST_PAUSE_S = 1.0, 0.05


class TaskWatch:
    """Lets time pass for tasks: what has stayed in order closes, what is late is told, what is not proved is proved otherwise."""

    def __init__(self, pool: asyncpg.Pool, desk: TaskDesk) -> None:
        self._pool = pool
        self._desk = desk

    async def run(self) -> None:
        """Do what is due, again and again."""
        while True:
            async with self._pool.acquire() as connection:
                async with connection.transaction():
                    await self.pass_time(connection)
                following = await store.next_moment(connection)
            pause = (following - self._desk.clock.now()).total_seconds() if following else LONGEST_PAUSE_S
            await asyncio.sleep(min(max(pause, SHORTEST_PAUSE_S), LONGEST_PAUSE_S))

    async def pass_time(self, connection: asyncpg.Connection) -> int:
        """Do what is due now, in the caller's transaction; return how many moves and messages came of it."""
        now = self._desk.clock.now()
        news: list[Event] = []
        held = machine(sayings.HELD.format(seconds=f"{self._desk.holding_time.total_seconds():g}"))
        for task in await store.due_verifications(connection, now):
            news += await self._desk.move(connection, task, Command.HOLD, held)
        for task in await store.vain_waits(connection, now):
            news += await self._desk.wait_on(connection, task, Way(task["awaiting"]))
        for task in await store.due_urgings(connection, now):
            news += await self._urge(connection, task)
        await publish(connection, STREAM, news)
        return len(news)

    async def _urge(self, connection: asyncpg.Connection, task: asyncpg.Record) -> list[Event]:
        """Let whoever is next hear of a task; of one that is mended and that nobody has looked at, the centre."""
        now, rules = self._desk.clock.now(), self._desk.rules
        if not waits_for_party(task):
            stage, also = Stage.CENTRE, {"urged": Stage.CENTRE, "urge_at": None}
        else:
            stage = due_now(Stage(task["urged"]), task["due_at"], rules.terms[task["severity"]], now)
            anew: dict[str, Any] = {"urged": stage}
            also = anew | urged({**task, **anew}, rules, since=now)
        if stage == task["urged"]:
            await store.change_task(connection, task["id"], also)
            return []
        command = COMMANDS[stage]
        told = TaskUrged(
            task_id=task["id"], number=task["number"], stage=command, site_id=task["site_id"],
            assignee_id=task["assignee_id"], team_id=task["team_id"], due_at=task["due_at"], at=now,
        )  # fmt: skip
        await self._desk.move(connection, task, command, machine(""), also=also)
        return [told]
