"""Imports over HTTP: bring a file, look at what it would do, then file it or let it be."""

from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, File, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from charger_registry.imports import store
from charger_registry.imports.desk import ImportDesk, mine
from charger_registry.imports.template import TEMPLATES
from charger_registry.imports.writers import WRITERS
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.web.documents import pieces
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require
from youguan.web.times import UtcTime
from youguan.web.translations import explain, preferred

Outcome = Literal["added", "changed", "unchanged", "refused"]
Crs = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]


class Counts(BaseModel):
    """How many rows become what."""

    added: int
    changed: int
    unchanged: int
    refused: int


class ImportOut(BaseModel):
    """A file that was brought; `plan` is by what the preview is recognised when it is filed."""

    id: int
    name: str
    sha256: str
    format: str
    crs: str | None = Field(description="as asked for; null: as the format has it, or the rows say")
    brought_by: str
    brought_at: UtcTime
    plan: str
    counts: Counts
    state: Literal["previewed", "committed", "discarded"]
    decided_at: UtcTime | None


class Change(BaseModel):
    """A field that would change."""

    field: str
    before: Any
    after: Any


class LineOut(BaseModel):
    """What becomes of a row; of a table the header is row 1, of lists of things the first is 1."""

    row: int
    site_id: str
    name: str
    outcome: Outcome
    field: str
    reason: str
    changes: list[Change]
    more: int = Field(description="changes beyond these")


class Commit(BaseModel):
    """What is wanted: all rows (409 where any is refused) or the good ones, of the plan that was looked at."""

    plan: str = Field(min_length=64, max_length=64)
    rows: Literal["all", "good"] = "all"


def add_imports(app: FastAPI, pool: asyncpg.Pool, desk: ImportDesk) -> None:
    """Add imports to /api/registry."""
    may_import = require(REGULATOR, OPERATOR)

    @app.get("/imports")
    async def imports(
        who: Annotated[Principal, Depends(may_import)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ImportOut]:
        """List files that were brought, the latest first: one's own, of regulators everybody's."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            rows = await store.list_uploads(connection, mine(who), key[0] if key else None, limit)
        return Page(items=[ImportOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.get("/imports/template.{form}")
    async def blank(form: Literal["csv", "xlsx"], lang: Literal["zh", "en"] = "zh") -> Response:
        """Return the table to fill in; as a workbook with a sheet that explains its columns. No login needed."""
        headers = {"Content-Disposition": f'attachment; filename="youguan-sites.{form}"'}
        return Response(TEMPLATES[form](lang), media_type=WRITERS[form].media_type, headers=headers)

    @app.get("/exports/sites.{form}")
    async def export(
        form: Literal["csv", "xlsx", "geojson"], who: Annotated[Principal, Depends(may_import)]
    ) -> Response:
        """Return the sites within one's bounds as a file that an import takes again: equipment, fees, who is responsible."""
        headers = {"Content-Disposition": f'attachment; filename="youguan-sites.{form}"', "Cache-Control": "no-store"}
        file = await desk.export(who, form)
        return StreamingResponse(pieces(file), media_type=WRITERS[form].media_type, headers=headers)

    @app.post("/imports", status_code=201)
    async def bring(
        request: Request,
        who: Annotated[Principal, Depends(may_import)],
        file: Annotated[UploadFile, File(description="CSV, .xlsx, GeoJSON, OCPI, T/CEC 102, Open Charge Map")],
        crs: Annotated[Crs | None, Form(description="its coordinates; else as its format has them")] = None,
    ) -> ImportOut:
        """Bring a file (multipart/form-data, at most 20 MB) and look at what it would do; nothing is filed yet."""
        upload_id = await desk.bring(who, file.filename or "", await file.read(), crs, remote=remote_of(request))
        return await one(upload_id, who)

    @app.get("/imports/{import_id}")
    async def one(import_id: int, who: Annotated[Principal, Depends(may_import)]) -> ImportOut:
        """Return a file that was brought."""
        async with pool.acquire() as connection:
            return ImportOut(**dict(await store.get_upload(connection, import_id, mine(who))))

    @app.get("/imports/{import_id}/lines")
    async def lines(
        import_id: int,
        request: Request,
        who: Annotated[Principal, Depends(may_import)],
        outcome: Outcome | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[LineOut]:
        """Say what becomes of each row, in the order of the file."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            await store.get_upload(connection, import_id, mine(who))
            rows = await store.list_lines(connection, import_id, outcome, key[0] if key else None, limit)
        items = [_line(row, preferred(request) or "en") for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "place"))

    @app.post("/imports/{import_id}/commit")
    async def commit(
        import_id: int, wanted: Commit, request: Request, who: Annotated[Principal, Depends(may_import)]
    ) -> ImportOut:
        """File what was looked at, as one; 409 where what is filed has changed meanwhile: the preview is made anew."""
        good_only = wanted.rows == "good"
        await desk.commit(who, import_id, wanted.plan, good_only=good_only, remote=remote_of(request))
        return await one(import_id, who)

    @app.post("/imports/{import_id}/discard")
    async def discard(import_id: int, request: Request, who: Annotated[Principal, Depends(may_import)]) -> ImportOut:
        """Let a file be."""
        await desk.discard(who, import_id, remote=remote_of(request))
        return await one(import_id, who)


def _line(row: asyncpg.Record, language: str) -> LineOut:
    reason = explain(store.reason_of(row), language)
    return LineOut(**{**row, "reason": reason, "changes": [_change(change) for change in row["changes"]]})


def _change(change: list[Any]) -> Change:
    return Change(field=change[0], before=change[1], after=change[2])
