"""One world for each test of the open data."""

from collections.abc import AsyncIterator

import pytest

from tests.charger_registry.open_data.world import World, world_at


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_at(database_url) as made:
        yield made
