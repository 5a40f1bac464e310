"""The gateway's web side as it runs, with a site filed whose connectors a platform reports."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from ocpp_gateway.cec102.access import Keys, seal
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.filed import directory as codes
from ocpp_gateway.cec102.store import put_platform
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.service import compose
from ocpp_gateway.stations import directory
from tests.independent.cec102_platform import Party, Platform
from tests.suite import eventually
from youguan.auth import REGULATOR, TokenIssuer, generate_keys
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import ConnectorFile, OrganisationFiled, SiteFiled, StationFile
from youguan.settings import Settings
from youguan.web.serve import serve

SECRET = "test secret of thirty-two letters"
KEY = "1234567890abcdef"
SAMPLE = Secrets(KEY, KEY, KEY, KEY)
OPERATOR_ID = "395815801"
USCC = "91330100799655058B"
STATIONS = ("P1", "P2", "P3")


@dataclass
class Gateway:
    """What a test needs of it."""

    pool: asyncpg.Pool
    address: str
    issuer: TokenIssuer
    settings: Settings
    callers: list[Platform] = field(default_factory=list)

    def client(
        self, role: str = REGULATOR, organisation_id: str | None = None, division: str | None = None
    ) -> httpx.AsyncClient:
        """Return a client that is logged in."""
        token = self.issuer.issue(
            subject=f"{role}-a", name="A", roles=frozenset({role}), organisation_id=organisation_id, division=division,
            now=SystemClock().now(),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.address, headers=headers, trust_env=False, timeout=30)

    async def platform(self, party: Party | None = None) -> Platform:
        """Return a platform with its token."""
        platform = Platform(self.address, party)
        self.callers.append(platform)
        await platform.log_in()
        return platform

    async def events(self, kind: str) -> list[Any]:
        rows = await self.pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = $1 ORDER BY serial, sequence", kind
        )
        return [row["payload"] for row in rows]

    async def refused(self) -> list[str]:
        rows = await self.pool.fetch("SELECT code, reason FROM gateway.refused_input ORDER BY id")
        return [f"{row['code']} {row['reason']}" for row in rows]


async def file_all(pool: asyncpg.Pool) -> None:
    """File the site S, whose stations have two connectors each (P1-1, P1-2 …), and let the gateway know."""
    stations = tuple(
        StationFile(
            station_id=s, connectors=2, power_w=60_000, current_type="DC", cec_equipment_id=s,
            connector_files=tuple(ConnectorFile(connector=n, cec_connector_id=f"{s}-{n}") for n in (1, 2)),
        )
        for s in STATIONS
    )  # fmt: skip
    site = SiteFiled(
        site_id="S", name="S", address="", division_code="330226001", division_name=None, longitude=121.4, latitude=29.3,
        stations=stations, operator_code=OPERATOR_ID, cec_station_id="000000000000009",
    )  # fmt: skip
    owners = [OrganisationFiled(organisation_id=o, name=f"{o} 公司", uscc=USCC, phone=None) for o in ("o1", "o2")]
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", [site, *owners])
    await directory.consumer(pool).catch_up()
    await codes.consumer(pool).catch_up()


async def let_in(
    pool: asyncpg.Pool, operator_id: str = OPERATOR_ID, role: str = "operator", profile: str = "zhejiang",
    address: str | None = None,
) -> None:  # fmt: skip
    """Let a platform in with the sample's secrets; with an address it is called with them too."""
    sealed = seal(Sealer(SECRET), operator_id, Keys(SAMPLE, SAMPLE if address else None))
    ours = OPERATOR_ID if address else None
    row = (operator_id, "甲平台", "o1", role, profile, True, address, ours, sealed, SystemClock().now(), "test")
    async with pool.acquire() as connection:
        await put_platform(connection, row)


@asynccontextmanager
async def gateway_of(database_url: str, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway's web side with its jobs, on a real socket."""
    private, public = generate_keys()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made = Settings(
        database_url=database_url, role_secret=None, token_private_key=private, token_public_key=public,
        station_key_secret=SECRET, **settings,
    )  # fmt: skip
    stop = asyncio.Event()
    async with await create_pool(database_url) as pool:
        await file_all(pool)
        await let_in(pool)
        serving = asyncio.create_task(serve([compose], made, listening=listening, stop=stop))
        try:
            async with httpx.AsyncClient(base_url=address, trust_env=False) as client:

                async def ready() -> bool:
                    if serving.done():
                        serving.result()
                    held = await pool.fetchval("SELECT EXISTS (SELECT FROM gateway.worker WHERE slot = 2000)")
                    return bool(held) and (await client.get("/healthz")).status_code == 200

                await eventually(ready)
            gateway = Gateway(pool, address, TokenIssuer(private, timedelta(hours=1)), made)
            try:
                yield gateway
            finally:
                for caller in gateway.callers:
                    await caller.close()
        finally:
            stop.set()
            await serving
            listening.close()
