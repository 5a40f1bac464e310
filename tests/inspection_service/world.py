"""The desks of cases on a real PostgreSQL, with a clock of their own, two officers, a head, reviewers and a party."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import asyncpg

from inspection_service.cases import store
from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.file import Said
from inspection_service.cases.machine import Command
from inspection_service.cases.opening import Opening
from inspection_service.cases.particulars import Particulars
from inspection_service.evidence.chain import Link
from inspection_service.evidence.desk import EvidenceDesk, Wish
from inspection_service.evidence.reviewing import QUALITIES, Finding
from inspection_service.law.catalogue import catalogue
from inspection_service.papers.desk import PaperDesk
from inspection_service.printing.press import Press
from youguan.auth import Principal, generate_keys
from youguan.clock import COUNTY, ManualClock
from youguan.documents import Shelf
from youguan.events import ResponsibilitiesChanged, ResponsibilityEntry, SiteFiled
from youguan.settings import Settings

START = datetime(2026, 9, 16, 2, tzinfo=UTC)
TODAY = date(2026, 9, 16)
PRIVATE, _ = generate_keys()
PRESS = Press()
SITE = SiteFiled(
    site_id="s", name="场站", address="", division_code="330226001", division_name="跃龙街道", longitude=121.0, latitude=29.0,
    stations=(),
)  # fmt: skip

DUTIES = ResponsibilitiesChanged(
    site_id="s",
    entries=tuple(
        ResponsibilityEntry(
            role=role, organisation_id=organisation, organisation_name=name, station_id=None,
            since=datetime(2020, 1, 1, tzinfo=UTC), until=None,
        )
        for role, organisation, name in (("manager", "m", "宁海某公司"), ("builder", "other", "另一公司"))
    ),
)  # fmt: skip


def somebody(subject: str, role: str, organisation: str | None = None, level: int | None = None) -> Principal:
    division = "330226002" if subject == "elsewhere" else None
    return Principal(subject, subject, frozenset({role}), organisation, division, "", "", START, level=level)


A, B = somebody("a", "inspector"), somebody("b", "inspector")
HEAD, PARTY = somebody("h", "regulator"), somebody("p", "operator", "m")
REVIEWERS = [somebody(f"r{n}", "reviewer", level=n) for n in (1, 2, 3, 4)]
NAMED = Particulars("宁海县气象北路1号", "91350100M000100Y43", "陈德明")
UNFILED = Opening(
    "car-park-unfiled",
    "organisation",
    "宁海某公司",
    TODAY,
    "b",
    "现场未见备案",
    party_id="m",
    particulars=NAMED,
    site_id="s",
)
STOPPED = replace(UNFILED, item_id="car-park-stopped", reason="停车场关闭")


def found_in_order() -> dict[str, Finding]:
    """Return what a review finds of a recording that may be evidence."""
    return {name: Finding(True, "经核对原始数据") for name in QUALITIES}


def photo() -> bytes:
    return b"\xff\xd8\xff\xe0" + bytes(range(256))


class World:
    """The desks with a clock of their own."""

    def __init__(self, pool: asyncpg.Pool, folder: Path) -> None:
        self.pool = pool
        self.clock = ManualClock(START)
        self.cases = CaseDesk(pool, self.clock, catalogue(), PRESS, "s" * 32)
        self.shelf = Shelf(Settings(data_dir=folder), "inspection")
        self.evidence = EvidenceDesk(pool, self.clock, self.shelf, PRIVATE)
        self.papers = PaperDesk(self.cases, self.evidence, self.clock)

    def go_to(self, day: date) -> None:
        self.clock.advance(datetime.combine(day, time(10), COUNTY) - self.clock.now())

    async def do(self, who: Principal, case_id: str, wanted: Command, **said: Any) -> str:
        row = await self.cases.do(who, case_id, wanted, Said(**said))
        return str(row["state"])

    async def prove(self, case_id: str, *, confirmed: bool = True) -> None:
        wish = Wish("statement", "party", "当事人的陈述", self.clock.now(), {})
        link = await self.evidence.collect_text(A, case_id, wish, "未办理备案即开始经营。")
        if confirmed:
            await self.evidence.confirm(B, case_id, link.record["place"])

    async def picture(
        self, case_id: str, equipment: str, *, kind: str = "audiovisual", origin: str = "monitoring",
        taken_at: datetime | None = None,
    ) -> Link:  # fmt: skip
        """Return what a camera of the register recorded now, as one officer has added it."""

        async def chunks() -> AsyncIterator[bytes]:
            yield photo()

        wish = Wish(kind, origin, "监控截图", taken_at or self.clock.now(), {}, equipment=equipment)
        return await self.evidence.collect_file(A, case_id, wish, lambda: self.shelf.keep(chunks(), "x.jpg"), 1)

    async def proof(self, case_id: str) -> int:
        """Return the place of what proves a service, collected now."""
        wish = Wish("documentary", "inspector", "签收单", self.clock.now(), {})
        return int((await self.evidence.collect_text(A, case_id, wish, "已签收")).record["place"])

    async def serve(self, case_id: str, on: date = TODAY, **said: Any) -> str:
        proof = await self.proof(case_id)
        return await self.do(A, case_id, Command.SERVE, on=on, **{"manner": "direct", "proof": proof, **said})

    async def row(self, case_id: str) -> asyncpg.Record:
        async with self.pool.acquire() as connection:
            return await store.get(connection, case_id)

    async def titles(self, case_id: str) -> list[str]:
        async with self.pool.acquire() as connection:
            return [row["content"]["title"] for row in await store.documents(connection, case_id)]


async def to_notified(world: World, opening: Opening = STOPPED, fine_fen: int = 20_000_00, **beside: Any) -> str:
    """Return a case whose party was told of a fine today, and of what is imposed beside it."""
    case_id = await world.cases.open(A, opening)
    await notify(world, case_id, fine_fen, **beside)
    return case_id


async def notify(world: World, case_id: str, fine_fen: int = 20_000_00, **beside: Any) -> None:
    """Lead a case on from where it was opened until its party was told."""
    await world.do(A, case_id, Command.PROPOSE, reason="应当立案", procedure="general")
    await world.do(HEAD, case_id, Command.APPROVE)
    await world.prove(case_id)
    await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=fine_fen, **beside)
    for reviewer in REVIEWERS:
        if await world.do(reviewer, case_id, Command.PASS, reason="同意") == "reviewed":
            break
    await world.do(A, case_id, Command.NOTIFY, on=world.cases.today(), manner="direct")


async def waiting_for(world: World, *people: Principal) -> list[str]:
    """Return for whom of these the only case waits."""
    found = []
    async with world.pool.acquire() as connection:
        for who in people:
            turn = world.cases.waits(who)
            assert turn is not None
            rows = await store.list_cases(
                connection, states=(), words=None, item=None, overdue_on=None, mine=None, before=None, limit=9,
                scope=who.scope, waits=turn,
            )  # fmt: skip
            found += [who.subject] * len(rows)
    return found
