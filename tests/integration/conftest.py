"""Where a module's suite listens, and its API with a regulator logged in; each module says itself what suite it wants."""

from collections.abc import AsyncIterator

import pytest

from tests.suite import Api, Suite


@pytest.fixture(scope="module")
def ports(suite: Suite) -> dict[str, int]:
    return suite.ports()


@pytest.fixture
async def api(ports: dict[str, int]) -> AsyncIterator[Api]:
    api = Api(ports["http"])
    await api.log_in()
    yield api
    await api.client.aclose()
