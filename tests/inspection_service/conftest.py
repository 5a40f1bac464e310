"""The world of cases."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from inspection_service.cases.persons import Officer
from inspection_service.store import file_site, replace_duties
from tests.inspection_service.world import DUTIES, HEAD, SITE, START, World
from youguan.database import create_pool


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        world = World(pool, tmp_path)
        async with pool.acquire() as connection:
            await file_site(connection, SITE, START)
            await replace_duties(connection, DUTIES)
        for n, subject in enumerate("abc", 1):
            officer = Officer(subject, f"警员{subject}", f"浙0226{n:04d}", date(2027, 12, 31))
            await world.cases.register(HEAD, officer)
        yield world
