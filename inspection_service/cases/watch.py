"""What time alone does to cases: a period gives way to the next one, and whoever has to hear of its end is told, each once."""

from datetime import date

import asyncpg

from inspection_service.cases import store
from inspection_service.cases.desk import STREAM, CaseDesk
from inspection_service.cases.due import GIVE_WAY, Due, due, horizons, stage
from youguan.clock import Clock, county_day
from youguan.eventlog import publish
from youguan.events import CaseUrged
from youguan.repeating import repeat
from youguan.working_days import is_office_hour

LOOKED_S = 600.0


class CaseWatch:
    """Lets days pass for cases. What was told stands in the table, so that a restart neither forgets nor repeats."""

    def __init__(self, desk: CaseDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._moved_on: date | None = None

    async def run(self) -> None:
        """Tell what is due, again and again."""
        await repeat(self.pass_time, LOOKED_S)

    async def pass_time(self) -> int:
        """Tell what is due now, in office hours, each case in a transaction of its own; return how many ends are told.

        What gives way does so with the day: that is looked at once a day, and after every start.
        """
        if not is_office_hour(self._clock.now()):
            return 0
        day, told = county_day(self._clock.now()), 0
        async with self._desk.pool.acquire() as connection:
            untils, moving = horizons(day), () if self._moved_on == day else GIVE_WAY
            usual = untils.pop("usual")
            for case_id in await store.nearly_due(connection, day, untils, usual, moving):
                async with connection.transaction():
                    told += await self._look(connection, case_id, day)
        self._moved_on = day
        return told

    async def _look(self, connection: asyncpg.Connection, case_id: str, day: date) -> int:
        """Tell the end of a case's period where that was not told, and let the next one take its place where the day has come."""
        row = await store.get(connection, case_id, hold=True)
        stood, stands = (row["due_on"], row["period"]), due(self._desk.bare(row), day)
        urged = await self._ends(connection, row, stood, day)
        if stands != stood:
            await store.save_due(connection, case_id, *stands)
            urged += await self._ends(connection, row, stands, day)
        await publish(connection, STREAM, urged)
        return len(urged)

    async def _ends(self, connection: asyncpg.Connection, row: asyncpg.Record, ends: Due, day: date) -> list[CaseUrged]:
        """Return what is to be told of a period's end, and note that it is told: nothing, where it was."""
        due_on, period = ends
        if due_on is None or period is None or (now := stage(due_on, period, day)) is None:
            return []
        at = self._clock.now()
        if not await store.note_urged(connection, (row["id"], period, due_on, now, at)):
            return []
        return [
            CaseUrged(
                case_id=row["id"], number=row["number"], period=period, stage=now, party_id=row["party_id"],
                due_on=due_on, at=at,
            )
        ]  # fmt: skip
