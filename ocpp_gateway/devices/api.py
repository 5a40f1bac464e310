"""Variables over HTTP."""

from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from ocpp_gateway.devices import store
from ocpp_gateway.observation import VariableKey
from ocpp_gateway.store import get_station
from youguan.auth import Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require_station
from youguan.web.times import UtcTime


class VariableOut(BaseModel):
    """A variable as its station last reported it, or accepted it from us; configuration keys of 1.6 have no component.

    `evse` and `connector` 0: the station's own. `value` null: not told, or a secret, which is never kept.
    """

    component: str
    component_instance: str
    evse: int
    connector: int
    variable: str
    variable_instance: str
    attribute: str
    value: str | None
    mutability: str | None
    data_type: str | None
    unit: str | None
    reported_at: UtcTime


def add_variables(app: FastAPI, pool: asyncpg.Pool) -> None:
    """Add what stations report of themselves to /api/gateway."""

    @app.get("/stations/{station_id}/variables")
    async def variables(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        component: str | None = None,
        variable: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[VariableOut]:
        """List what a station has reported of itself: its device model, or its configuration keys."""
        key = decode_cursor(cursor, str, str, int, int, str, str, str)
        async with pool.acquire() as connection:
            await get_station(connection, station_id)
            rows = await store.variables(
                connection, station_id, component=component, name=variable, after=key, limit=limit
            )
        following = next_cursor(rows, limit, *VariableKey._fields)
        return Page(items=[VariableOut(**dict(row)) for row in rows], next=following)
