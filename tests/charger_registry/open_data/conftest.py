"""One world for each test of the open data."""

from collections.abc import AsyncIterator

import pytest

from tests.charger_registry.open_data.world import World, world_at


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_at(database_url) as made:
        yield made


@pytest.fixture(scope="module")
async def shared_world(shared_database_url: str) -> AsyncIterator[World]:
    """The world for those tests of a module that only read what is published."""
    async with world_at(shared_database_url) as made:
        yield made
