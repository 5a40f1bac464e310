"""What the pages of a station share: its head, its address, the words for how it is."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg
from fastapi import Request
from fastapi.responses import Response

from ocpp_gateway import store as stations
from youguan.clock import Clock
from youguan.web.templates import Templates

PAGE = 50
STATES = {"online": ("good", "在线"), "offline": ("bad", "离线"), "never_connected": ("", "从未接入")}
CONDITIONS = {
    "available": ("good", "空闲"),
    "occupied": ("busy", "占用"),
    "charging": ("busy", "充电中"),
    "reserved": ("warn", "预约"),
    "unavailable": ("", "停用"),
    "faulted": ("bad", "故障"),
    "offline": ("bad", "离线"),
    "unknown": ("", "未知"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What every page of a station needs."""

    pool: asyncpg.Pool
    templates: Templates
    clock: Clock

    async def show(
        self, request: Request, connection: asyncpg.Connection, station_id: str, view: str, **context: Any
    ) -> Response:
        """Return one of a station's pages, with its head; NotFound."""
        station = await stations.get_station(connection, station_id)
        return self.templates.render(
            request, f"station_{view}.html", station=station, base=address_of(station_id), view=view, states=STATES,
            conditions=CONDITIONS, **context,
        )  # fmt: skip


def address_of(station_id: str) -> str:
    """Return where a station's pages begin."""
    return f"/gateway/stations/{quote(station_id, safe='')}"
