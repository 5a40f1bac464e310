"""Who is shown what is somebody's own: whoever has a role at it, and within whose bounds it lies; to others it is unknown."""

from collections.abc import Awaitable, Callable

import asyncpg
from fastapi import Request

from charger_registry.ledger import store
from youguan.errors import NotFound, Reason
from youguan.web.security import scope_of


def known_site(pool: asyncpg.Pool) -> Callable[..., Awaitable[None]]:
    """Return on what an address with a `site_id` that needs no login depends: NotFound, as of a site that nobody has filed."""

    async def dependency(site_id: str, request: Request) -> None:
        async with pool.acquire() as connection:
            if await store.is_hidden(connection, scope_of(request), site_id):
                raise NotFound(Reason("site {site_id}", site_id=site_id))

    return dependency
