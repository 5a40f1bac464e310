"""What a driver is shown of a site: fees, hours, telephone, parking, connectors; and how he finds one that fits."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from charger_registry.drafts import Filing
from charger_registry.open_data.published import Band, Price, band_at, per_kwh
from charger_registry.open_data.publishing.projection import keep_published
from charger_registry.pages import TEMPLATES
from charger_registry.public.choosing import fits
from charger_registry.public.live import Picture
from charger_registry.public.pages import public_pages
from charger_registry.public.words import amount_text
from tests.charger_registry.open_data.world import SITES, World
from tests.suite import eventually
from youguan.web.templates import Templates

KINDS: list[dict[str, Any]] = [
    {"type": "GBT_DC", "current_type": "DC", "power_w": 120_000},
    {"type": None, "current_type": "AC", "power_w": 7_000},
]


@asynccontextmanager
async def looking(world: World) -> AsyncIterator[tuple[AsyncClient, Picture]]:
    """The public pages with a picture that is loaded and kept."""
    picture = Picture(world.pool)
    keeping = asyncio.create_task(picture.keep())

    async def loaded() -> bool:
        return len(picture.sites) == len(SITES)

    await eventually(loaded)
    app = FastAPI()
    app.include_router(public_pages(world.pool, picture, Templates(TEMPLATES), world.clock))
    async with AsyncClient(transport=ASGITransport(app), base_url="https://suite.example") as client:
        yield client, picture
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("全天", "400-000-1234", "燃油车勿停", "车位 5 个 · 其中无障碍 2 个", "从东门进，地下一层", "全部为可再生能源",
                "国标交流", "前两小时免费", "充满后每分钟0.5元", "公示于", "数据更新于")),
        ("en", ("round the clock", "5 bays", "2 of them accessible", "GB/T AC", "CNY/kWh", "Data as of")),
    ],
)  # fmt: skip
async def test_a_site_says_what_a_driver_needs(shared_world: World, language: str, words: tuple[str, ...]) -> None:
    page = (await shared_world.client.get("/sites/a", headers={"Accept-Language": language})).text
    assert [word for word in words if word not in page] == []


async def test_a_site_says_what_a_kwh_costs_now(world: World) -> None:
    world.clock.advance(
        datetime.combine(world.clock.now() + timedelta(days=1), datetime.min.time(), UTC) - world.clock.now()
    )
    assert "现在 1.20 元/度" in (await world.client.get("/sites/a")).text  # midnight in UTC is eight in the county
    world.clock.advance(timedelta(hours=17))
    assert "现在 0.55 元/度" in (await world.client.get("/sites/a")).text


async def test_what_is_not_filed_is_not_made_up(shared_world: World) -> None:
    page = (await shared_world.client.get("/sites/丙")).text
    assert "没有公示费用" in page
    assert re.search(r"共 \d+ 枪，状态未知", page), "no connector is said to be taken of which nothing is known"
    assert [word for word in ("营业时间", "求助电话", "停车") if word in page] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [("", {"a", "b", "丙"}), ("kind=DC", {"a", "丙"}), ("kind=GBT_AC", {"a"}), ("kw=60", {"a", "丙"}), ("kw=120", {"a"}),
     ("kind=AC&kw=30", {"a"}), ("kind=AC&kw=60", set()), ("kind=nothing", set()), ("kw=", {"a", "b", "丙"})],
)  # fmt: skip
async def test_the_list_is_filtered_by_kind_and_power(shared_world: World, query: str, found: set[str]) -> None:
    async with looking(shared_world) as (client, _):
        page = (await client.get(f"/?{query}")).text
    assert set(re.findall(r'data-site="([^"]+)"', page)) == found


async def test_the_list_says_power_fee_and_time(shared_world: World) -> None:
    async with looking(shared_world) as (client, picture):
        page = (await client.get("/?q=甲站")).text
        assert "AC/DC 120 kW" in page
        everything = (await client.get("/")).text
        assert re.search(r"data-free-count>共 \d+ 枪<", everything), "where nothing is known none is said to be taken"
        assert re.search(r"(0\.55|1\.20) 元/度", page)
        assert 'id="as-of"' in page
        assert picture.changed_at is not None


@pytest.mark.parametrize("query", ["kw=-1", "kw=many", f"kind={'x' * 50}"])
async def test_what_cannot_be_asked_is_refused(shared_world: World, query: str) -> None:
    assert (await shared_world.client.get(f"/?{query}")).status_code == 422


async def test_a_price_that_begins_by_the_clock_reaches_list_and_file(world: World) -> None:
    """Posted for later by whoever can: nobody tells of its beginning but the clock."""
    begins = world.clock.now() + timedelta(minutes=30)
    await world.pool.execute(
        "UPDATE registry.price_posting SET valid_until = $1 WHERE site_id = 'a' AND valid_until IS NULL", begins
    )
    await world.pool.execute(
        """
        INSERT INTO registry.price_posting (site_id, currency, bands, valid_from, posted_at, posted_by)
        VALUES ('a', 'CNY', '[{"begin": "00:00", "end": "24:00", "energy_per_kwh": "2", "service_per_kwh": null}]', $1, $1, 'x')
        """,
        begins,
    )
    world.clock.advance(timedelta(hours=1))
    async with looking(world) as (client, _):
        keeping = asyncio.create_task(keep_published(world.pool, world.clock))

        async def told() -> bool:
            return "2.00 元/度" in (await client.get("/?q=甲站")).text

        await eventually(told)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def test_kinds_follow_what_stands_there(world: World) -> None:
    async with looking(world) as (client, _):
        await world.file(Filing(sites=(replace(SITES[0], stations=SITES[0].stations and SITES[0].stations[:1]),)))

        async def gone() -> bool:
            return "甲站" not in (await client.get("/?kind=AC")).text

        await eventually(gone)


@pytest.mark.parametrize(
    ("energy", "service", "text"),
    [
        ("1", "0.5", "1.50"),
        ("1.05", "0.47", "1.52"),
        ("0.3333", None, "0.3333"),
        (None, "0.1230", "0.123"),
        (None, None, None),
    ],
)
def test_amounts_as_people_write_them(energy: str | None, service: str | None, text: str | None) -> None:
    assert amount_text(Band(begin="00:00", end="24:00", energy_per_kwh=energy, service_per_kwh=service)) == text


@pytest.mark.parametrize(
    ("kind", "power_w", "fitting"),
    [("", 0, True), ("DC", 120_000, True), ("GBT_DC", 0, True), ("AC", 7_000, True), ("AC", 7_001, False), ("DC", 120_001, False),
     ("GBT_AC", 0, False), ("", 120_001, False)],
)  # fmt: skip
def test_one_connector_must_fit_in_everything(kind: str, power_w: int, fitting: bool) -> None:
    assert fits(KINDS, kind, power_w) is fitting
    assert fits([], "", 0)
    assert not fits([], "DC", 0)


def test_the_band_that_holds_is_that_of_the_countys_clock() -> None:
    bands = (Band(begin="00:00", end="08:00", energy_per_kwh="0.3", service_per_kwh=None),
             Band(begin="08:00", end="24:00", energy_per_kwh="0.9", service_per_kwh="0.3"))  # fmt: skip
    price = Price(
        id="1", currency="CNY", bands=bands, energy_text=None, service_text=None, parking_text=None, idle_text=None,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC), valid_until=None,
    )  # fmt: skip
    assert band_at(price, datetime(2026, 1, 1, 0, 0, tzinfo=UTC)) == bands[1]
    assert band_at(price, datetime(2026, 1, 1, 23, 59, tzinfo=UTC)) == bands[0]
    assert band_at(price, datetime(2026, 1, 1, 15, 59, 59, tzinfo=UTC)) == bands[1]
    assert band_at(None, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert (per_kwh(bands[0]), per_kwh(bands[1])) == (Decimal("0.3"), Decimal("1.2"))
    assert per_kwh(Band(begin="00:00", end="24:00", energy_per_kwh=None, service_per_kwh=None)) is None
