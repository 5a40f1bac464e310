"""A county of three sites, published, with a clock that stands still, and the registry over HTTP."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

from charger_registry import store
from charger_registry.divisions import store as divisions
from charger_registry.divisions.reading import DivisionDraft
from charger_registry.drafts import (
    ConnectorDraft,
    Filing,
    OrganisationDraft,
    PriceBand,
    PriceDraft,
    RoleDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.equipment.opening_hours import read
from charger_registry.public import projection
from charger_registry.service import compose
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import ConnectorStatusChanged, Event, StationOffline, StationOnline
from youguan.settings import Settings
from youguan.web.application import application

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=400)
PRIVATE, PUBLIC = generate_keys()
DIVISIONS = (
    ("330226001", "跃龙街道", "Yuelong", 121.425, 29.288),
    ("330226002", "桃源街道", "Taoyuan", 121.438, 29.318),
)
PRICE = PriceDraft(
    bands=(PriceBand("00:00", "08:00", "0.3000", "0.2500"), PriceBand("08:00", "24:00", "0.9000", "0.3000")),
    parking_text="前两小时免费", idle_text="充满后每分钟0.5元",
)  # fmt: skip
SITES = (
    SiteDraft("a", "甲站", 121.4256789, 29.2881, address="跃龙街道示例路1号", division_code="330226001",
              stations=(StationDraft("a1", 2, 120_000, "DC"),
                        StationDraft("a2", None, 40_000, "AC", connector_files=(
                            ConnectorDraft(1, 1, type="GBT_AC", format="SOCKET", voltage_v=380, current_a=63,
                                           evse_id="CN*ABC*E1", bay="B1"),))),
              bays=5, accessible_bays=2, opening_hours=read("24小时"), help_phone="400-000-1234", renewable=True,
              parking="free", usage="public", construction="roadside",
              parking_rules="燃油车勿停", guide="从东门进，地下一层", price=PRICE),
    SiteDraft("b", "乙站", 121.43, 29.31, address="桃源街道示例路2号", division_code="330226002",
              stations=(StationDraft("b1", 1, 22_000, "AC"),), opening_hours=read("周一至周五 08:00-24:00"), renewable=False,
              price=PriceDraft(energy_text="1.2元/度", service_text="见现场公示")),
    SiteDraft("丙", "=丙站", 121.44, 29.32, stations=(StationDraft("桩/1", 1, 60_000, "DC"),)),
)  # fmt: skip
ORGANISATIONS = (
    OrganisationDraft("m", "甲充运营公司", uscc="91330226MA2AAAAA0X", operator_code="395815801"),
    OrganisationDraft("o", "国资公司", uscc="91330226MA2BBBBB0X"),
)
ROLES = tuple(RoleDraft(site, role, who, LONG_AGO) for site in "ab" for role, who in (("manager", "m"), ("owner", "o")))


class World:
    """What is filed and said, and what is published of it."""

    def __init__(self, pool: asyncpg.Pool, client: httpx.AsyncClient, clock: ManualClock) -> None:
        self.pool = pool
        self.client = client
        self.clock = clock
        self.consumer = projection.consumer(pool, clock)

    async def file(self, filing: Filing) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await store.file_all(connection, filing, self.clock.now())
        await self.consumer.catch_up()

    async def tell(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "gateway/0", events)
        await self.consumer.catch_up()

    async def say(self, station_id: str, condition: str, connector: int = 1) -> None:
        """Let a station come online and a connector of it say what holds."""
        at = self.clock.now()
        changed = ConnectorStatusChanged(
            station_id=station_id, connector=connector, condition=condition, status=condition, previous_condition=None,
            error_code=None, error_info=None, vendor_error_code=None, occurred_at=at, received_at=at, effective_at=at,
        )  # fmt: skip
        await self.tell(StationOnline(station_id=station_id, at=at), changed)

    async def fall_silent(self, station_id: str) -> None:
        await self.tell(StationOffline(station_id=station_id, last_seen_at=self.clock.now(), at=self.clock.now()))

    async def token(self, purpose: str = "access") -> str:
        """Return a token that the regulator has issued."""
        answer = await self.client.post(
            "/api/registry/ocpi-tokens", headers=bearer("regulator"),
            json={"party": "地图公司", "purpose": purpose, "reason": "同意开放数据"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def ocpi(self, path: str, token: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"/api/ocpi{path}", params=query, headers=shown(token))


def bearer(role: str) -> dict[str, str]:
    token = TokenIssuer(PRIVATE, timedelta(hours=1)).issue(
        subject="p", name="P", roles=frozenset({role}), organisation_id=None, division=None, now=datetime.now(UTC)
    )
    return {"Authorization": f"Bearer {token}"}


def shown(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}


@asynccontextmanager
async def world_at(database_url: str) -> AsyncIterator[World]:
    """Make the world in an empty database."""
    clock = ManualClock(NOW)
    settings = Settings(database_url=database_url, token_private_key=PRIVATE, token_public_key=PUBLIC)
    async with await create_pool(database_url) as pool, compose(settings, clock) as part:
        transport = httpx.ASGITransport(application([part], settings, pool), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://suite.example") as client:
            world = World(pool, client, clock)
            async with pool.acquire() as connection:
                await divisions.file_divisions(connection, [DivisionDraft(*division) for division in DIVISIONS])
            await world.file(Filing(sites=SITES, organisations=ORGANISATIONS, roles=ROLES))
            yield world
