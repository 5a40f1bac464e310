"""The desk where everybody's reports are taken in: only so many, joined to the task about the same thing, erased in time."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from inspection_service import store as sites
from inspection_service.public_reports import limits, store
from inspection_service.public_reports.limits import FROM_ONE, LOOKS, OF_ALL, OF_ONE, WINDOW
from inspection_service.public_reports.photo import bare
from inspection_service.public_reports.report import (
    ALPHABET,
    LENGTH,
    LONGEST_TEXT,
    Report,
    receipt_of,
    without_personal_data,
)
from inspection_service.tasks.desk import STREAM, TaskDesk
from inspection_service.tasks.opening import Opening, Origin
from inspection_service.tasks.places import place
from youguan import audit
from youguan.errors import Invalid, NotFound, TooLarge
from youguan.eventlog import publish
from youguan.repeating import repeat

ACTOR, ROLE = "public", "public"
LARGEST_PHOTO_BYTES = 10 * 1024 * 1024
ERASED_S = 3600.0
NEEDS_WORDS = ("other",)


@dataclass(frozen=True, slots=True)
class Received:
    """The receipt; `joined`: others have reported it already, or it is known."""

    receipt: str
    joined: bool


class ReportDesk:
    """Takes reports in."""

    def __init__(self, pool: asyncpg.Pool, desk: TaskDesk, kept: timedelta) -> None:
        self.pool = pool
        self._desk = desk
        self._kept = kept

    @property
    def matters(self) -> list[str]:
        """Return what everybody may report."""
        return [name for name in self._desk.rules.matters if self._desk.rules.cause(name).public]

    async def admit(self, source: str) -> None:
        """Count a report before its form is read; TooManyRequests."""
        await limits.count(self.pool, {f"from {source}": FROM_ONE, "all": OF_ALL}, self._desk.clock.now())

    async def admit_look(self, source: str) -> None:
        """Count a look after a receipt, so that nobody tries them out; TooManyRequests."""
        await limits.count(self.pool, {f"look {source}": LOOKS}, self._desk.clock.now())

    async def take(self, report: Report, photo: bytes | None) -> Received:
        """Take a report in; Invalid, NotFound, TooLarge, TooManyRequests. One that is sent twice has one receipt."""
        self._check(report)
        if photo is not None and len(photo) > LARGEST_PHOTO_BYTES:
            raise TooLarge(f"photo: at most {LARGEST_PHOTO_BYTES} bytes are taken")
        about = {f"of {report.station_id or report.site_id}": OF_ONE}
        await limits.count(self.pool, about, self._desk.clock.now())
        kind, picture = bare(photo) if photo else (None, None)
        async with self.pool.acquire() as connection, connection.transaction():
            if report.token is not None:
                await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", report.token)
                if (known := await store.receipt_for(connection, report.token)) is not None:
                    return Received(known, joined=True)
            opened = await self._desk.take_in(connection, await self._opening(connection, report))
            receipt = receipt_of(secrets.randbelow(len(ALPHABET)) for _ in range(LENGTH))
            said = without_personal_data(report.text.strip())
            kept = (receipt, report.token, opened.task_id, report.matter, said, self._desk.clock.now(), kind, picture)
            await store.insert(connection, kept)
            with audit.coming_from(audit.NOWHERE):  # whoever reports is not written down
                await audit.record(
                    connection, at=self._desk.clock.now(), actor=ACTOR, action="task join" if opened.joined else "task open",
                    subject=f"task {opened.number}", after={"origin": Origin.PUBLIC, "cause": report.matter},
                )  # fmt: skip
            await publish(connection, STREAM, opened.events)
        return Received(receipt, opened.joined)

    def _check(self, report: Report) -> None:
        if report.matter not in self.matters:
            raise Invalid.about("matter", "choose what is wrong")
        if report.site_id is None and report.station_id is None:
            raise Invalid.about("station_id", "name the station or the site")
        if len(report.text) > LONGEST_TEXT:
            raise Invalid.about("text", f"at most {LONGEST_TEXT} characters")
        if report.matter in NEEDS_WORDS and not report.text.strip():
            raise Invalid.about("text", "say what is wrong")

    async def _opening(self, connection: asyncpg.Connection, report: Report) -> Opening:
        """Return what a task is opened with: nothing of what was said, which is erased one day, and histories never are."""
        severity = self._desk.rules.cause(report.matter).severity or "minor"
        opening = Opening(
            origin=Origin.PUBLIC, cause=report.matter, severity=severity, subject="", occurred_at=self._desk.clock.now(),
            actor=ACTOR, role=ROLE, reason="", site_id=report.site_id, station_id=report.station_id,
            connector=report.connector,
        )  # fmt: skip
        placed = await place(connection, opening, self._desk.rules)
        if placed.site_id is None or await sites.get_site(connection, placed.site_id) is None:
            raise NotFound(f"site {placed.site_id}")
        return placed

    async def watch_retention(self) -> None:
        """Erase what need not be kept any longer, again and again."""
        await repeat(self.erase, ERASED_S)

    async def erase(self) -> int:
        """Erase it now; return of how many reports."""
        now = self._desk.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            await store.forget_tries(connection, now - WINDOW)
            return await store.erase(connection, now - self._kept, now)
