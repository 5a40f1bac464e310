"""Where the county's regulator keeps the register of reviewed monitoring equipment, and evidence is held against it."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import asyncpg

from inspection_service.monitoring import store
from inspection_service.monitoring.register import Equipment, counts_on, faults, trimmed
from inspection_service.store import get_site
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, Invalid, Reason

NAMED = ("number", "kind", "place", "legal_review", "technical_review", "published_in", "published_on")


class RegisterDesk:
    """Keeps the register."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    async def enter(self, who: Principal, wish: Equipment) -> str:
        """Enter equipment that was reviewed, which publishes where it stands; return the entry's id. Invalid, Conflict."""
        wish = trimmed(wish)
        if wrong := faults(wish, self.today()):
            raise Invalid.of(*wrong)
        entry_id = str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            if wish.site_id is not None and await get_site(connection, wish.site_id) is None:
                raise Invalid.about("site_id", Reason("site {id} is unknown", id=wish.site_id))
            await store.add(connection, entry_id, wish, self._clock.now(), who.subject)
            await self._note(connection, who, "enter", wish.number, {"id": entry_id, **_plain(asdict(wish))})
        return entry_id

    async def end(self, who: Principal, entry_id: str, on: date, reason: str) -> None:
        """Take equipment out of the register: what it records from that day on is a lead. NotFound, Conflict, Invalid."""
        if not reason.strip():
            raise Invalid.about("reason", "is needed")
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get(connection, entry_id, hold=True)
            if row["ended_on"] is not None:
                raise Conflict("this entry has ended already")
            # What has not begun ends on its first day: it never stood there.
            if not row["valid_from"] <= on <= max(row["valid_from"], self.today()):
                raise Invalid.about("on", "must lie between valid_from and today")
            await store.end(connection, entry_id, on, reason, who.subject)
            await self._note(
                connection, who, "end", row["number"], {"id": entry_id, "on": on.isoformat(), "reason": reason}
            )

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, number: str, after: Mapping[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=f"monitoring equipment {action}",
            subject=f"equipment {number}", after=after,
        )  # fmt: skip


async def recorded_by(
    connection: asyncpg.Connection, entry_id: str, taken_at: datetime, site_id: str | None
) -> dict[str, Any]:
    """Return what a piece of evidence says of the equipment that recorded it; Invalid where that does not make it count."""
    row = await store.get(connection, entry_id)
    day = county_day(taken_at)
    if row["site_id"] not in (None, site_id):
        raise Invalid.about("equipment", "stands at another site")
    if not counts_on(day, row["valid_from"], row["valid_until"], row["ended_on"]):
        raise Invalid.about(
            "equipment", Reason("{number} is not in the register on {day}", number=row["number"], day=day)
        )
    return {"equipment_id": entry_id, "equipment": _plain({name: row[name] for name in NAMED})}


def _plain(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in members.items()}
