"""/api/ocpi: versions, credentials, Locations and Tariffs, the sender's side; every answer in OCPI's envelope."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

import asyncpg
import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from charger_registry.open_data import ocpi, store
from charger_registry.open_data.published import PublishedSite
from charger_registry.open_data.store import Asked
from charger_registry.open_data.tokens.desk import Introduction, Reader, TokenDesk
from youguan import __version__
from youguan.clock import Clock, utc_text
from youguan.database import AWAY
from youguan.errors import Unauthenticated, YouguanError
from youguan.settings import Settings
from youguan.web.routes import LateRoute
from youguan.web.security import remote_of
from youguan.web.storable import has_no_place_in_text

SUCCESS, CLIENT_ERROR, INVALID, UNKNOWN_LOCATION, SERVER_ERROR = 1000, 2000, 2001, 2003, 3000
MOST_AT_ONCE = 50
LARGEST_OFFSET = 2**31 - 1
# What a request is recognised by, in its answer too; routing headers come back turned round.
SAME_BACK = ("X-Request-ID", "X-Correlation-ID")
TURNED = (("from", "to"), ("to", "from"))
PARTS = ("party-id", "country-code")


class Refused(YouguanError):
    """A request that OCPI answers with a code of its own, and an HTTP status."""

    def __init__(self, http: int, code: int, message: str) -> None:
        super().__init__(message)
        self.http = http
        self.ocpi = code


class BusinessDetails(BaseModel):
    """Of a party that registers: its name."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")


class Role(BaseModel):
    """One of the roles of a party that registers."""

    role: str
    business_details: BusinessDetails
    party_id: str = Field(pattern=r"^[A-Za-z0-9]{3}$")
    country_code: str = Field(pattern=r"^[A-Za-z]{2}$")


class Credentials(BaseModel):
    """What a party that registers says of itself. Its token and address are not kept: nobody here asks it for anything."""

    token: str = Field(min_length=1, max_length=64)
    url: str = Field(min_length=1, max_length=255)
    roles: list[Role] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes: its party, its name, and the address under which it is reached where that is fixed."""

    party: ocpi.PartyId
    name: str
    public_url: str | None

    def base(self, request: Request) -> str:
        """Return the address of /api/ocpi."""
        return f"{(self.public_url or str(request.base_url)).rstrip('/').removesuffix('/api/ocpi')}/api/ocpi"


def publisher_of(settings: Settings) -> Publisher:
    """Return who publishes."""
    party = ocpi.PartyId(settings.ocpi_country_code, settings.ocpi_party_id)
    return Publisher(party, settings.publisher, settings.public_url)


def ocpi_api(pool: asyncpg.Pool, desk: TokenDesk, settings: Settings, clock: Clock) -> FastAPI:
    """Return /api/ocpi."""
    app = FastAPI(
        title="Youguan OCPI", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.router.route_class = LateRoute
    publisher = publisher_of(settings)
    app.state.party = publisher.party
    _add_errors(app, clock)
    _add_versions(app, desk, publisher, clock)
    _add_credentials(app, desk, publisher, clock)
    _add_locations(app, pool, desk, publisher, clock)
    _add_tariffs(app, pool, desk, publisher, clock)
    return app


def _known(version: str) -> str:
    if version not in ocpi.VERSIONS:
        raise Refused(HTTPStatus.NOT_FOUND, CLIENT_ERROR, f"no version {version} here")
    return version


Version = Annotated[str, Depends(_known)]


def _reads(desk: TokenDesk) -> Callable[[Request], Awaitable[Reader]]:
    """Return a dependency of what anybody with a token may ask: which versions there are, and a token in place of this one."""

    async def dependency(request: Request) -> Reader:
        return await desk.read(request.headers.get("authorization", ""))

    return dependency


def _reads_data(desk: TokenDesk) -> Callable[[Request], Awaitable[Reader]]:
    """Return a dependency of what needs a token that reads: one for registration leads there and no further."""
    reads = _reads(desk)

    async def dependency(request: Request) -> Reader:
        reader = await reads(request)
        if reader.purpose != "access":
            raise Unauthenticated("this token is for registration: exchange it at the credentials module first")
        return reader

    return dependency


# --- the envelope -----------------------------------------------------------------------------------------------


def envelope(
    request: Request,
    clock: Clock,
    data: Any = None,
    *,
    code: int = SUCCESS,
    message: str = "Success",
    http: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer as OCPI wants it; `data` None: there is none."""
    body = {"status_code": code, "status_message": message, "timestamp": utc_text(clock.now())}
    if data is not None:
        body = {"data": data, **body}
    given = {name: request.headers[name] for name in SAME_BACK if name in request.headers}
    if "/locations" in request.url.path or "/tariffs" in request.url.path:
        given |= _routing(request)
    return Response(
        orjson.dumps(body), http, {**given, "Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def _routing(request: Request) -> dict[str, str]:
    """Return the routing headers turned round: who was asked, else we, answers who asked."""
    if not any(f"OCPI-from-{part}" in request.headers for part in PARTS):
        return {}
    party: ocpi.PartyId = request.app.state.party
    ours = {"OCPI-from-party-id": party.party_id, "OCPI-from-country-code": party.country_code}
    return ours | {
        f"OCPI-{back}-{part}": request.headers[f"OCPI-{forth}-{part}"]
        for forth, back in TURNED
        for part in PARTS
        if f"OCPI-{forth}-{part}" in request.headers
    }


def _add_errors(app: FastAPI, clock: Clock) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return envelope(request, clock, code=error.ocpi, message=error.detail, http=error.http)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, YouguanError)
        code = CLIENT_ERROR if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else SERVER_ERROR
        return envelope(request, clock, code=code, message=error.detail, http=error.status)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return envelope(
            request, clock, code=CLIENT_ERROR, message=str(error.detail), http=error.status_code, headers=error.headers
        )

    async def away(request: Request, _: Exception) -> Response:
        message = "the database is away for the moment; try again"
        return envelope(
            request, clock, code=SERVER_ERROR, message=message, http=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": "2"},
        )  # fmt: skip

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(YouguanError, ours)
    app.add_exception_handler(HTTPException, http)
    for kind in AWAY:
        app.add_exception_handler(kind, away)


# --- versions and credentials -----------------------------------------------------------------------------------


def _add_versions(app: FastAPI, desk: TokenDesk, publisher: Publisher, clock: Clock) -> None:
    @app.get("/versions")
    async def versions(request: Request, _: Annotated[Reader, Depends(_reads(desk))]) -> Response:
        """List the versions of OCPI that are spoken here."""
        base = publisher.base(request)
        return envelope(request, clock, [{"version": v, "url": f"{base}/{v}"} for v in ocpi.VERSIONS])

    @app.get("/{version}")
    async def details(request: Request, version: Version, _: Annotated[Reader, Depends(_reads(desk))]) -> Response:
        """List the modules of a version."""
        base = publisher.base(request)
        modules = ("credentials", "locations", "tariffs")
        endpoints = [{"identifier": m, "role": "SENDER", "url": f"{base}/{version}/{m}"} for m in modules]
        return envelope(request, clock, {"version": version, "endpoints": endpoints})


def _add_credentials(app: FastAPI, desk: TokenDesk, publisher: Publisher, clock: Clock) -> None:
    path = "/{version}/credentials"
    reads = _reads(desk)

    def ours(request: Request, token: str) -> dict[str, Any]:
        role = {
            "role": "NAP",
            "business_details": {"name": publisher.name},
            "party_id": publisher.party.party_id,
            "country_code": publisher.party.country_code,
        }
        return {"token": token, "url": f"{publisher.base(request)}/versions", "roles": [role]}

    def refuse_unless(possible: bool, why: str) -> None:
        if not possible:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, CLIENT_ERROR, why)

    async def exchange(request: Request, reader: Reader) -> Response:
        first = (await _credentials(request)).roles[0]
        introduction = Introduction(first.business_details.name, first.country_code.upper(), first.party_id.upper())
        issued = await desk.exchange(reader, introduction, remote_of(request))
        return envelope(request, clock, ours(request, issued.token))

    @app.get(path)
    async def show(request: Request, _: Version, reader: Annotated[Reader, Depends(reads)]) -> Response:
        """Return the credentials with which the asker reads here."""
        return envelope(request, clock, ours(request, reader.token))

    @app.post(path)
    async def register(request: Request, _: Version, reader: Annotated[Reader, Depends(reads)]) -> Response:
        """Register: the answer holds a token that reads, the one shown holds no longer."""
        refuse_unless(not reader.registered, "registered already: PUT renews")
        return await exchange(request, reader)

    @app.put(path)
    async def renew(request: Request, _: Version, reader: Annotated[Reader, Depends(reads)]) -> Response:
        """Renew a registration: the answer holds a new token, the one shown holds no longer."""
        refuse_unless(reader.registered, "not registered yet: POST registers")
        return await exchange(request, reader)

    @app.delete(path)
    async def unregister(request: Request, _: Version, reader: Annotated[Reader, Depends(reads)]) -> Response:
        """Unregister: the token shown holds no longer."""
        refuse_unless(reader.registered, "not registered")
        await desk.unregister(reader, remote_of(request))
        return envelope(request, clock)


async def _credentials(request: Request) -> Credentials:
    body = await request.body()
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, INVALID, f"not JSON: {error}") from None
    try:
        return Credentials.model_validate_json(body)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Refused(HTTPStatus.OK, INVALID, told) from None


# --- Locations and Tariffs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list somebody wants."""

    asked: Asked
    offset: int
    limit: int
    filters: Mapping[str, str]


def wanted(request: Request) -> Wanted:
    """Return what the query asks for; Refused with the member that is wrong. Others than OCPI's are passed over."""
    given = request.query_params
    filters = {name: given[name] for name in ("date_from", "date_to") if name in given}
    times = {name: _time(name, text) for name, text in filters.items()}
    return Wanted(
        Asked(times.get("date_from"), times.get("date_to")),
        _number("offset", given.get("offset", "0"), 0, LARGEST_OFFSET),
        min(_number("limit", given.get("limit", str(MOST_AT_ONCE)), 1, LARGEST_OFFSET), MOST_AT_ONCE),
        filters,
    )


def _time(name: str, text: str) -> datetime:
    found = ocpi.read_time(text)
    if found is None:
        raise Refused(HTTPStatus.OK, INVALID, f"{name}: must be a time in UTC such as 2026-01-31T08:00:00Z")
    return found


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise Refused(HTTPStatus.OK, INVALID, f"{name}: must be a whole number from {least} to {most}")
    return int(text)


def page_headers(address: str, want: Wanted, total: int) -> dict[str, str]:
    """Return what a page of a list says of the whole: how many there are, how many a page holds at most, where to go on."""
    headers = {"X-Total-Count": str(total), "X-Limit": str(MOST_AT_ONCE)}
    following = want.offset + want.limit
    if following < total:
        query = urlencode({**want.filters, "offset": following, "limit": want.limit})
        headers["Link"] = f'<{address}?{query}>; rel="next"'
    return headers


def _add_locations(app: FastAPI, pool: asyncpg.Pool, desk: TokenDesk, publisher: Publisher, clock: Clock) -> None:
    path = "/{version}/locations"
    reads = _reads_data(desk)

    async def listed(request: Request, version: Version, _: Annotated[Reader, Depends(reads)]) -> Response:
        """List Locations, those that were published first before others."""
        want = wanted(request)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            total = await store.count_sites(connection, want.asked)
            sites = await store.read_page(connection, want.asked, want.offset, want.limit)
        data = [ocpi.location(site, version, publisher.party) for site in sites]
        headers = page_headers(f"{publisher.base(request)}/{version}/locations", want, total)
        return envelope(request, clock, data, headers=headers)

    app.get(path)(listed)
    app.get(path + "/", include_in_schema=False)(listed)

    async def found(location_id: str) -> PublishedSite:
        if has_no_place_in_text(location_id):
            raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN_LOCATION, "no such Location")
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            site = await store.read_location(connection, location_id)
        if site is None:
            raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN_LOCATION, f"no Location {location_id}")
        return site

    @app.get(path + "/{location_id}")
    async def location(
        request: Request, version: Version, location_id: str, _: Annotated[Reader, Depends(reads)]
    ) -> Response:
        """Return a Location."""
        return envelope(request, clock, ocpi.location(await found(location_id), version, publisher.party))

    @app.get(path + "/{location_id}/{evse_uid}")
    async def evse(
        request: Request, version: Version, location_id: str, evse_uid: str, _: Annotated[Reader, Depends(reads)]
    ) -> Response:
        """Return an EVSE."""
        return envelope(request, clock, await evse_in(version, location_id, evse_uid))

    @app.get(path + "/{location_id}/{evse_uid}/{connector_id}")
    async def connector(
        request: Request,
        version: Version,
        location_id: str,
        evse_uid: str,
        connector_id: str,
        _: Annotated[Reader, Depends(reads)],
    ) -> Response:
        """Return a Connector."""
        connectors = (await evse_in(version, location_id, evse_uid))["connectors"]
        one = next((one for one in connectors if one["id"].lower() == connector_id.lower()), None)
        if one is None:
            raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN_LOCATION, f"no Connector {connector_id}")
        return envelope(request, clock, one)

    async def evse_in(version: str, location_id: str, evse_uid: str) -> dict[str, Any]:
        site = await found(location_id)
        one = ocpi.find_evse(site, evse_uid)
        if one is None:
            raise Refused(HTTPStatus.NOT_FOUND, UNKNOWN_LOCATION, f"no EVSE {evse_uid}")
        return ocpi.evse_of(site, one, version)


def _add_tariffs(app: FastAPI, pool: asyncpg.Pool, desk: TokenDesk, publisher: Publisher, clock: Clock) -> None:
    path = "/{version}/tariffs"

    async def listed(request: Request, version: Version, _: Annotated[Reader, Depends(_reads_data(desk))]) -> Response:
        """List Tariffs, those that were posted first before others."""
        want = wanted(request)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            total = await store.count_prices(connection, want.asked)
            found = await store.read_prices(connection, want.asked, want.offset, want.limit)
        data = [ocpi.tariff(one.price, one.updated_at, one.ended_at, version, publisher.party) for one in found]
        headers = page_headers(f"{publisher.base(request)}/{version}/tariffs", want, total)
        return envelope(request, clock, data, headers=headers)

    app.get(path)(listed)
    app.get(path + "/", include_in_schema=False)(listed)
