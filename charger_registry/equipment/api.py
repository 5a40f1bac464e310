"""What stands at sites, over HTTP: who said which field, meters that are due, and the kinds of connectors."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

import asyncpg
from fastapi import Depends, FastAPI, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field

from charger_registry.equipment import opening_hours, store
from charger_registry.equipment.connector_types import TYPES, to_cec, to_ocpi, usual_format
from charger_registry.equipment.desk import SiteDesk
from charger_registry.equipment.meters import store as meters_store
from charger_registry.equipment.photos.desk import Photo, PhotoDesk
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES
from charger_registry.equipment.station_file import StationFileIn, station_draft
from charger_registry.imports.fields import PHONE
from charger_registry.provenance.store import Kind
from charger_registry.provenance.store import provenance as said_by
from charger_registry.public.access import known_site
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Invalid, Reason
from youguan.web.documents import give
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_site
from youguan.web.times import UtcTime

Phone = Annotated[str, Field(max_length=40, pattern=f"^{PHONE.pattern}$")]
Count = Annotated[int, Field(ge=0, le=100_000)]


class ConnectorTypeOut(BaseModel):
    """A kind of connector and what others call it; `cec` is the number of the usual format."""

    code: str
    name: str
    name_en: str
    standard: str
    current_type: str | None
    ocpi_2_2_1: str | None
    ocpi_2_3_0: str | None
    cec: int
    open_charge_map: list[int]


class FactsIn(BaseModel):
    """What is to be changed; a member that is not sent stays, null clears one."""

    opening_hours: str | None = Field(default=None, max_length=300, description="as people write them; null: not known")
    help_phone: Phone | None = None
    site_phone: Phone | None = None
    parking: str | None = None
    parking_rules: str | None = Field(default=None, max_length=500)
    guide: str | None = Field(default=None, max_length=500)
    bays: Count | None = None
    accessible_bays: Count | None = None
    renewable: bool | None = None
    usage: str | None = None
    construction: str | None = None


class FieldOut(BaseModel):
    """Who gave a field its present value, when."""

    kind: Kind
    subject: str = Field(description="of a connector, EVSE or meter `station/number`")
    field: str = Field(description="`price`: the fees that are posted")
    source: Literal["import", "person", "filing", "sample"]
    name: str
    actor: str | None
    at: UtcTime


class MeterOut(BaseModel):
    """A meter whose verification is due; `connector` 0: the station's only one."""

    site_id: str
    site_name: str
    station_id: str
    connector: int
    serial_number: str | None
    certificate_number: str | None
    verified_on: date | None
    verification_due_on: date


class PhotoOut(BaseModel):
    """A photo of a site, and where its content is."""

    id: int
    caption: str
    media_type: str
    size_bytes: int
    sha256: str
    content: str


class StationFileOut(StationFileIn):
    """The file of a station, under its id."""

    id: str


PHOTOS = "/site-photos/"
WORDS = {"parking": PARKINGS, "usage": USAGES, "construction": CONSTRUCTIONS}


def members_of(facts: FactsIn) -> dict[str, Any]:
    """Return what was sent, as it is kept; Invalid where a word is none of ours."""
    sent = {name: getattr(facts, name) for name in facts.model_fields_set}
    for name, codes in WORDS.items():
        known = [code.word for code in codes]
        if sent.get(name) is not None and sent[name] not in known:
            raise Invalid.about(name, Reason("must be one of {words}", words=", ".join(known)))
    if sent.get("opening_hours"):
        sent["opening_hours"] = opening_hours.read(sent["opening_hours"]).as_json()
    return sent


def add_equipment(app: FastAPI, pool: asyncpg.Pool, desk: SiteDesk, clock: Clock) -> None:
    """Add what stands at sites to /api/registry."""
    may_change = require_site(pool, REGULATOR, OPERATOR)

    @app.get("/connector-types")
    async def connector_types() -> Page[ConnectorTypeOut]:
        """List the kinds of connectors. No login needed."""
        items = [
            ConnectorTypeOut(
                code=kind.code, name=kind.zh, name_en=kind.en, standard=kind.standard, current_type=kind.current_type,
                ocpi_2_2_1=to_ocpi(kind.code), ocpi_2_3_0=to_ocpi(kind.code, "2.3.0"),
                cec=to_cec(kind.code, usual_format(kind.code)), open_charge_map=list(kind.open_charge_map),
            )
            for kind in TYPES.values()
        ]  # fmt: skip
        return Page(items=items)

    @app.patch("/sites/{site_id}/facts", status_code=204)
    async def change(
        site_id: str, facts: FactsIn, request: Request, who: Annotated[Principal, Depends(may_change)]
    ) -> None:
        """Change what the public is told of a site: hours, telephone, parking and the like."""
        await desk.change(who, site_id, members_of(facts), None, remote=remote_of(request))

    @app.get("/sites/{site_id}/provenance")
    async def provenance(site_id: str, _: Annotated[Principal, Depends(require_site(pool))]) -> Page[FieldOut]:
        """Say of each field of the site and what stands there who gave it, within one's bounds."""
        async with pool.acquire() as connection:
            rows = await said_by(connection, site_id)
        return Page(items=[FieldOut(**dict(row)) for row in rows])

    @app.get("/meters")
    async def meters(
        who: Annotated[Principal, Depends(require())],
        due_before: Annotated[date | None, Query(description="default tomorrow: those that are due")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[MeterOut]:
        """List meters whose verification is due, the longest overdue first, within one's bounds."""
        key = decode_cursor(cursor, str, str, int)
        async with pool.acquire() as connection:
            rows = await meters_store.meters_due(
                connection, due_before or tomorrow(clock), who.scope, meters_after(key), limit
            )
        lines = [{**row, "due": row["verification_due_on"].isoformat()} for row in rows]
        following = next_cursor(lines, limit, "due", "station_id", "connector")
        return Page(items=[MeterOut(**dict(row)) for row in rows], next=following)


def add_station_files(app: FastAPI, pool: asyncpg.Pool, desk: SiteDesk) -> None:
    """Add the files of stations to /api/registry."""

    @app.get("/sites/{site_id}/stations/{station_id}/file")
    async def station_file(
        site_id: str, station_id: str, _: Annotated[Principal, Depends(require_site(pool))]
    ) -> StationFileOut:
        """Return everything that is filed of a station: plate, connectors, EVSEs, meters."""
        async with pool.acquire() as connection:
            draft = await store.station_file(connection, site_id, station_id)
        said = {
            name: value
            for name, value in asdict(draft).items()
            if name not in ("connectors", "connector_files", "reinstated")
        }
        return StationFileOut.model_validate({**said, "connectors": [asdict(c) for c in draft.connector_files]})

    @app.put("/sites/{site_id}/stations/{station_id}/file", status_code=204)
    async def write(
        site_id: str,
        station_id: str,
        file: StationFileIn,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, REGULATOR, OPERATOR))],
    ) -> None:
        """Write the whole file of a station: connectors and meters that are not sent are there no longer."""
        await desk.write_station(who, site_id, station_draft(station_id, file), remote=remote_of(request))


def add_photos(app: FastAPI, pool: asyncpg.Pool, desk: PhotoDesk) -> None:
    """Add photos of sites to /api/registry."""
    may_change = require_site(pool, REGULATOR, OPERATOR)

    @app.get(PHOTOS + "{site_id}", dependencies=[Depends(known_site(pool))])
    async def photos(site_id: str) -> Page[PhotoOut]:
        """List the photos of a site. No login needed."""
        return Page(items=[_photo(site_id, photo) for photo in await desk.shown(site_id)])

    @app.post(PHOTOS + "{site_id}", status_code=201)
    async def bring(
        site_id: str,
        request: Request,
        file: UploadFile,
        who: Annotated[Principal, Depends(may_change)],
        caption: Annotated[str, Form(max_length=100)] = "",
    ) -> Page[PhotoOut]:
        """Show a photo: a form (multipart/form-data) with a JPEG, PNG or WebP file."""
        await desk.bring(who, site_id, file, caption.strip(), remote=remote_of(request))
        return await photos(site_id)

    @app.get(PHOTOS + "{site_id}/{photo_id}", dependencies=[Depends(known_site(pool))])
    async def photo(site_id: str, photo_id: int) -> Response:
        """Return a photo exactly as it was brought. No login needed."""
        return give(desk.shelf, await desk.one(site_id, photo_id))

    @app.delete(PHOTOS + "{site_id}/{photo_id}", status_code=204)
    async def take_down(
        site_id: str, photo_id: int, request: Request, who: Annotated[Principal, Depends(may_change)]
    ) -> None:
        """Show a photo no longer; it stays on record."""
        await desk.take_down(who, site_id, photo_id, remote=remote_of(request))


def _photo(site_id: str, photo: Photo) -> PhotoOut:
    document = photo.document
    return PhotoOut(
        id=photo.id,
        caption=photo.caption,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        content=address(site_id, photo),
    )


def address(site_id: str, photo: Photo) -> str:
    """Return where a photo is."""
    return f"/api/registry{PHOTOS}{quote(site_id, safe='')}/{photo.id}"


def tomorrow(clock: Clock) -> date:
    """Return the county's next day."""
    return date.fromordinal(county_day(clock.now()).toordinal() + 1)


def meters_after(key: tuple[Any, ...] | None) -> tuple[date, str, int] | None:
    """Return behind which meter a list of those that are due goes on; Invalid of a cursor that is not of this list."""
    try:
        return (date.fromisoformat(key[0]), key[1], key[2]) if key else None
    except ValueError:
        raise Invalid.about("cursor", Reason("is not of this list")) from None
