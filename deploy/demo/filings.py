"""Filings of the sample's operator, so that a demo has something to decide: a draft, one submitted, one that lacks a paper."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.content import Content, StationLine
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.machine import Command
from charger_registry.filing.papers.desk import PaperDraft
from charger_registry.filing.rules import store as rule_store
from charger_registry.filing.step import Order
from charger_registry.people import store as people
from deploy.demo.cast import cast
from deploy.demo.county import DIVISIONS
from youguan.auth import Principal
from youguan.clock import Clock, county_day
from youguan.database import create_pool
from youguan.documents import Document, Shelf
from youguan.settings import Settings

FILER = "demo-operator"
NAMES = ("示例新站一号（草稿）", "示例新站二号", "示例新站三号")
PAPER = """%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1
/BaseFont/Helvetica>>>>>>>>endobj
4 0 obj<</Length 55>>stream
BT /F 24 Tf 72 720 Td (Sample document, not real) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
%%EOF
"""


async def file_samples(settings: Settings, clock: Clock) -> None:
    """Make the sample's filings, where the demo's operator has filed nothing yet."""
    async with await create_pool(settings.dsn_for("registry")) as pool:
        organisation_id = await _who_files(pool)
        if organisation_id is None:
            return
        people = cast(organisation_id, clock.now())
        operator, regulator = people.operator, people.regulator
        desk = FilingDesk(pool, clock, Shelf(settings, "registry"))
        for number, name in enumerate(NAMES, 1):
            filing_id = await desk.begin(operator, organisation_id=None, site_id=None, remote=None)
            await desk.save(operator, filing_id, _content(number, name, organisation_id, clock), remote=None)
            if number > 1:
                await _submit(desk, operator, filing_id, clock)
        lacking = Order(Command.REQUIRE_SUPPLEMENT, "保单扫描件不清晰，请重新上传", ("insurance",))
        await desk.act(regulator, filing_id, lacking, remote=None)


async def _who_files(pool: asyncpg.Pool) -> str | None:
    """Return the operator's organisation; None where it has filed something already."""
    async with pool.acquire() as connection:
        person = await people.find(connection, FILER, demo=True)
        if person is None or await store.was_begun_by(connection, FILER):
            return None
        return str(person["organisation_id"])


def _content(number: int, name: str, organisation_id: str, clock: Clock) -> Content:
    code, town, _, longitude, latitude = DIVISIONS[number]
    return Content(
        name=name,
        address=f"{town}示例路{number}号" if number > 1 else "",
        division_code=code,
        longitude=f"{longitude:.6f}",
        latitude=f"{latitude:.6f}",
        crs="wgs84",
        contact_name="示例联系人",
        contact_phone="400-000-0000",
        builder="builder-01",
        owner="owner-03",
        manager=organisation_id,
        managed_from=str(county_day(clock.now())),
        stations=tuple(StationLine(id=f"SAMPLE{number}-{n}", power_kw="120") for n in range(1, 4)),
    )


async def _submit(desk: FilingDesk, operator: Principal, filing_id: str, clock: Clock) -> None:
    until = county_day(clock.now()) + timedelta(days=365)
    async with desk.pool.acquire() as connection:
        types = [row for row in await rule_store.document_types(connection, county_day(clock.now())) if row["required"]]
    for row in types:
        draft = PaperDraft(row["code"], "示例", None, until if row["expires"] else None)

        async def receive() -> Document:
            return await desk.papers.shelf.keep(_paper(), "示例材料.pdf")

        await desk.papers.attach(operator, filing_id, draft, receive, remote=None)
    await desk.act(operator, filing_id, Order(Command.SUBMIT), remote=None)


async def _paper() -> AsyncIterator[bytes]:
    yield PAPER.encode()
