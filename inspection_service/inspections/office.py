"""The office that sends officers: whom it may send, by which lists they look, and what each visit of theirs is known by."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import asyncpg

from inspection_service.cases import store as cases
from inspection_service.inspections import store as office_store
from inspection_service.inspections.checklists import Checklists, Point
from inspection_service.inspections.visits import store as visits_store
from inspection_service.law.catalogue import Catalogue
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock, county_day
from youguan.errors import Invalid, Reason


@dataclass(frozen=True, slots=True)
class Going:
    """A visit that is about to be planned."""

    site: asyncpg.Record
    departments: tuple[str, ...]
    officers: tuple[str, ...]
    points: tuple[Point, ...]


class Office:
    """What plans, visits and interests have in common."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, checklists: Checklists, catalogue: Catalogue) -> None:
        self.pool = pool
        self.clock = clock
        self.checklists = checklists
        self.catalogue = catalogue

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self.clock.now())

    def check_departments(self, departments: Sequence[str]) -> None:
        """Refuse departments of which one looks at nothing, or stands there twice; Invalid."""
        known = self.checklists.departments
        for department in departments:
            if department not in known:
                raise Invalid.about(
                    "departments", Reason("{given} is none of {known}", given=department, known=", ".join(known))
                )
        if not departments or len(set(departments)) != len(departments):
            raise Invalid.about("departments", "each once, and one at least")

    async def able(self, connection: asyncpg.Connection) -> list[str]:
        """Return whoever holds a certificate that is valid."""
        return list((await self.certificates(connection)).values())

    async def certificates(self, connection: asyncpg.Connection) -> dict[str, str]:
        """Return the numbers of the certificates that are valid, and whose each is."""
        day = self.today()
        return {each.certificate: each.subject for each in await cases.officers(connection) if each.may_act(day)}

    async def send(
        self, connection: asyncpg.Connection, who: Principal, visits: Sequence[Going], plan_id: str | None, channel: str,
        reason: str, planned_for: date,
    ) -> list[str]:  # fmt: skip
        """Plan visits, each with its code; return their ids."""
        now = self.clock.now()
        year = county_day(now).year
        first = await office_store.take_numbers(connection, "check_code", year, len(visits)) if visits else 0
        ids = [str(uuid.uuid4()) for _ in visits]
        rows = [
            (
                visit_id, check_code(self.catalogue.county, year, n), plan_id, channel, going.site["id"], going.site["name"],
                going.site["address"], going.site["division_code"], list(going.departments), list(going.officers), reason,
                planned_for, now, who.subject,
            )
            for n, (visit_id, going) in enumerate(zip(ids, visits, strict=True), first)
        ]  # fmt: skip
        await visits_store.insert_visits(connection, rows, [(i, g.points) for i, g in zip(ids, visits, strict=True)])
        return ids

    async def note(
        self, connection: asyncpg.Connection, who: Principal, action: str, subject: str, after: Mapping[str, Any]
    ) -> None:
        """Write a line of the trail."""
        await audit.record(
            connection, at=self.clock.now(), actor=who.subject, action=action, subject=subject, after=after
        )


def check_code(county: str, year: int, place: int) -> str:
    """Return the code of a check (行政行为码): county, year, and a number without gaps."""
    return f"XW{county}{year}{place:07d}"


def plain(wish: Any) -> dict[str, Any]:
    """Return a wish as the trail has it."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(wish).items()}
