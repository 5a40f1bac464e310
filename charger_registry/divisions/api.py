"""Divisions and their boundaries over HTTP."""

from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, File, Form, Request, UploadFile
from pydantic import BaseModel, Field

from charger_registry.divisions import store
from charger_registry.divisions.border_desk import BorderDesk
from charger_registry.divisions.desk import DivisionDesk, Taken
from charger_registry.identifiers import division_kind
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require
from youguan.web.times import UtcTime

Crs = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
Kind = Literal["province", "city", "county", "street", "town", "township"]


class DivisionOut(BaseModel):
    """A division; the point is where a map writes its name, WGS-84."""

    code: str
    name: str
    name_en: str
    kind: Kind | None
    longitude: float | None
    latitude: float | None
    boundary: bool = Field(description="whether its boundary is loaded")


class RefusedOut(BaseModel):
    """A row that was not taken: its line in the file, the column and why."""

    row: int
    field: str
    reason: str


class TakenOut(BaseModel):
    """What filing a table did: codes that are new, codes that changed, how many were filed so already, rows refused."""

    added: list[str]
    changed: list[str]
    unchanged: int
    refused: list[RefusedOut]
    ignored_columns: list[str]


class BoundaryOut(BaseModel):
    """A boundary that is loaded, and how many sites of its division lie within."""

    division_code: str
    name: str | None
    loaded_at: UtcTime
    loaded_by: str
    verified: int
    unverified: int


class Loaded(BaseModel):
    """What loading boundaries did; `outside`: sites that lie outside of their division, with the metres."""

    loaded: list[str]
    refused: list[dict[str, Any]]
    outside: list[dict[str, Any]]


def add_divisions(app: FastAPI, pool: asyncpg.Pool, desk: DivisionDesk) -> None:
    """Add divisions to /api/registry."""

    @app.get("/divisions")
    async def divisions() -> Page[DivisionOut]:
        """List the divisions by code. No login needed."""
        async with pool.acquire() as connection:
            rows = await store.shown(connection, None)
        return Page(
            items=[
                DivisionOut(**{**row, "kind": division_kind(row["code"]), "boundary": row["loaded_at"] is not None})
                for row in rows
            ]
        )

    @app.post("/divisions")
    async def take(
        request: Request,
        who: Annotated[Principal, Depends(require(REGULATOR))],
        file: Annotated[
            UploadFile, File(description="CSV with the columns code, name and, if you like, name_en, parent")
        ],
    ) -> TakenOut:
        """File the divisions of a table within one's bounds; a row that cannot be used takes no other with it."""
        return _taken(await desk.take(who, await file.read(), remote=remote_of(request)))


def _taken(taken: Taken) -> TakenOut:
    return TakenOut(
        added=list(taken.added),
        changed=list(taken.changed),
        unchanged=taken.unchanged,
        refused=[RefusedOut(row=r.row, field=r.field, reason=r.reason) for r in taken.refused],
        ignored_columns=list(taken.ignored_columns),
    )


class OutsideOut(BaseModel):
    """A site that lies outside of the boundary of its division; `division_code`: whose boundary that is, its own or one above."""

    site_id: str
    site_name: str
    declared: str
    division_code: str
    metres: int
    found_at: UtcTime


def add_boundaries(app: FastAPI, pool: asyncpg.Pool, borders: BorderDesk) -> None:
    """Add boundaries to /api/registry."""

    @app.get("/boundaries")
    async def boundaries() -> Page[BoundaryOut]:
        """List the divisions whose boundary is loaded. No login needed."""
        async with pool.acquire() as connection:
            rows = await store.list_boundaries(connection)
        return Page(items=[BoundaryOut(**dict(row)) for row in rows])

    @app.get("/boundaries/outside")
    async def outside(
        who: Annotated[Principal, Depends(require(REGULATOR, OPERATOR))], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[OutsideOut]:
        """List the sites within one's bounds that lie outside of their division, by id, until that is mended."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_outside(connection, who.scope, key[0] if key else None, limit)
        return Page(items=[OutsideOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "site_id"))

    @app.post("/boundaries")
    async def load(
        request: Request,
        who: Annotated[Principal, Depends(require(REGULATOR))],
        file: Annotated[
            UploadFile, File(description="a GeoJSON FeatureCollection of polygons, WGS-84 unless `crs` says")
        ],
        crs: Annotated[Crs, Form()] = "wgs84",
    ) -> Loaded:
        """Load boundaries of divisions: each feature's property `code`, `adcode` or `division_code` says whose."""
        found = await borders.load(who, await file.read(), crs, remote=remote_of(request))
        return Loaded(loaded=found.loaded, refused=found.refused, outside=found.outside)
