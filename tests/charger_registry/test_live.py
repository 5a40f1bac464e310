"""The live picture: what watchers are told, sites that are gone included, and what it can show without a database."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from charger_registry import store
from charger_registry.drafts import Filing, SiteDraft
from charger_registry.pages import TEMPLATES
from charger_registry.public import projection
from charger_registry.public import store as public
from charger_registry.public.live import Picture
from charger_registry.public.pages import public_pages
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.web.templates import Templates

NOW = datetime(2026, 6, 1, tzinfo=UTC)


async def test_a_site_that_is_retired_leaves_an_open_map(database_url: str) -> None:
    async with await create_pool(database_url) as pool:
        picture = Picture(pool)
        consumer = projection.consumer(pool)

        async def file(filing: Filing) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await store.file_all(connection, filing, NOW)
            await consumer.catch_up()

        async def loaded() -> bool:
            return "a" in picture.sites

        await file(Filing(sites=(SiteDraft("a", "甲", 121, 29), SiteDraft("b", "乙", 121, 29))))
        keeping = asyncio.create_task(picture.keep())
        await eventually(loaded)
        watched = picture.changes(picture.version)
        await file(Filing(retired_site_ids=("a",)))
        async with asyncio.timeout(30):
            _, features = await anext(watched)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    assert [(f["id"], f["geometry"], f["properties"].get("retired")) for f in features] == [("a", None, True)]
    assert set(picture.sites) == {"b"}


async def test_a_site_that_is_somebodys_own_is_on_no_map(database_url: str) -> None:
    async with await create_pool(database_url) as pool:
        for usage, shown in (("private", set[str]()), ("public", {"a"}), ("unit", set[str]())):
            async with pool.acquire() as connection, connection.transaction():
                await store.file_all(connection, Filing(sites=(SiteDraft("a", "甲", 121, 29, usage=usage),)), NOW)
            await projection.consumer(pool).catch_up()
            async with pool.acquire() as connection:
                rows = await public.read_sites(connection, 0)
            assert {row["site_id"] for row in rows if row["shown"]} == shown


async def test_the_first_page_needs_no_database(database_url: str) -> None:
    async with await create_pool(database_url) as pool:
        picture = Picture(pool)
    app = FastAPI()  # the pool is closed: whoever asks it fails
    app.include_router(public_pages(pool, picture, Templates(TEMPLATES), SystemClock()))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://suite.example") as client:
        assert (await client.get("/")).status_code == 200
