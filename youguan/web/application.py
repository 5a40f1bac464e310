"""One application out of the parts of any number of services."""

import asyncio
import logging
import mimetypes
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse

from youguan import __version__, audit
from youguan.auth import TokenVerifier
from youguan.bounds import key_of, load_keys
from youguan.clock import Clock, SystemClock
from youguan.database import AWAY, says_away
from youguan.errors import NotFound, Unauthenticated, YouguanError
from youguan.eventlog import follow, has_reached, heads, load_revocations, positions_of, publish
from youguan.events import AccessRevoked, Event, MachineKeyIssued, MachineKeyRevoked, MachineKeyUsed
from youguan.machine_keys import KeyRing
from youguan.parts import Job, Parts
from youguan.settings import Settings
from youguan.web import problems
from youguan.web.edge import BoundedBodies, HeadAsGet
from youguan.web.routes import LateRoute
from youguan.web.security import identify, is_loopback, origin_of, principal_of, remote_of
from youguan.web.strictness import StrictRoute
from youguan.web.templates import STATIC
from youguan.web.translations import COOKIE, LANGUAGES

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self)",
}
METRICS = "/metrics"
KEY_USE_TOLD_S = 15.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
A_YEAR = 365 * 24 * 3600
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
requests = Counter("youguan_http_requests_total", "Requests", ["service", "method", "status"])
seconds = Histogram("youguan_http_request_seconds", "Requests", ["service"], buckets=(0.005, 0.02, 0.1, 0.5, 2, 10))


def api(title: str, *, strict: bool = True) -> FastAPI:
    """Return the application of one API: OpenAPI at `openapi.json`, errors as problem+json, nothing loaded from elsewhere."""
    app = FastAPI(
        title=title, version=__version__, docs_url=None, redoc_url=None, responses=problems.RESPONSES,
        redirect_slashes=False,
    )  # fmt: skip
    app.router.route_class = StrictRoute if strict else LateRoute
    problems.add_handlers(app)
    return app


def application(
    parts: Sequence[Parts], settings: Settings, pool: asyncpg.Pool, clock: Clock = SystemClock()
) -> FastAPI:
    """Return the application that serves the APIs and pages of the given services on one port."""
    verifier = TokenVerifier(settings.token_public_key, timedelta(seconds=settings.token_lifetime_s))
    revocations = Revocations(pool, verifier, clock)
    keys = MachineKeys(pool, KeyRing(clock))
    readiness = Readiness(parts, pool)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await readiness.start()
        await revocations.load()
        await keys.load()
        watchers = [Job("revocations", revocations.keep), Job("keys", keys.keep), Job("key use", keys.tell)]
        watchers += [job for part in parts for job in part.watchers]
        tasks = [asyncio.create_task(keep_running(job)) for job in watchers]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(title="Youguan", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.machine_keys = keys
    app.state.demo = demo = settings.demo_sites if settings.demo else None
    problems.add_handlers(app)
    _add_operations(app, readiness, verifier, keys.ring, settings.metrics_token)
    for part in parts:
        for path, mounted in part.apis.items():
            mounted.state.demo = demo
            app.mount(path, mounted)
        for router in part.pages:
            app.router.routes += router.routes  # to include a router is to analyse each of its endpoints once more
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    doors = tuple(path for part in parts for path in part.doors)
    app.middleware("http")(_around(verifier, keys.ring, {path for part in parts for path in part.apis}, doors))
    app.add_middleware(
        BoundedBodies,
        largest=settings.largest_body_bytes,
        uploads=[path for part in parts for path in part.uploads],
        headers=SECURITY_HEADERS,
        documents=[path for part in parts for path in part.documents],
        largest_document=settings.largest_document_bytes,
    )
    app.add_middleware(HeadAsGet)
    return app


def _around(
    verifier: TokenVerifier, ring: KeyRing, mounted: set[str], doors: tuple[str, ...]
) -> Callable[..., Awaitable[Response]]:
    async def around(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.monotonic()
        if request.url.path in mounted:
            request.scope["path"] += "/"  # the API's own first address, without a redirect
        try:
            if request.url.path != METRICS and not request.url.path.startswith(doors):  # which know tokens of their own
                await identify(request, verifier, ring)
            with audit.coming_from(origin_of(request)):
                response = await call_next(request)
        except YouguanError as error:
            response = problems.answer(
                request, error.status, error.title, error.detail, error.code, error.fields, error.headers
            )
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        language = request.query_params.get("lang")
        if language in LANGUAGES:
            response.set_cookie(COOKIE, language, max_age=A_YEAR, samesite="lax")
        service = _service(request.url.path, mounted)
        method = request.method if request.method in METHODS else "other"
        requests.labels(service, method, response.status_code).inc()
        seconds.labels(service).observe(time.monotonic() - started)
        return response

    return around


def _service(path: str, mounted: Collection[str]) -> str:
    """Return what a request counts to: never a word of the asker's own, for each is kept for as long as the process lives."""
    if path.startswith("/api/"):
        name = path.split("/", 3)[2]
        return name if f"/api/{name}" in mounted else "unknown"
    return "static" if path.startswith("/static/") else "pages"


def _add_operations(
    app: FastAPI, readiness: "Readiness", verifier: TokenVerifier, ring: KeyRing, metrics_token: str | None
) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """Say that the process lives."""
        return JSONResponse({"status": "ok", "version": __version__})

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        """Say whether everything needed is loaded, else what is missing."""
        missing = await readiness.missing()
        if missing is None:
            return JSONResponse({"status": "ready"})
        return problems.answer(request, 503, "Not ready", missing, "not_ready")

    @app.get(METRICS)
    async def metrics(request: Request) -> Response:
        """Return the metrics of all processes of the suite: to this machine, to the metrics token, to any login."""
        given = request.headers.get("authorization", "").partition(" ")[2]
        known = metrics_token is not None and secrets.compare_digest(given.encode(), metrics_token.encode())
        if not known and not is_loopback(remote_of(request)):
            await identify(request, verifier, ring)
            if principal_of(request) is None:
                raise Unauthenticated("metrics are for this machine, the metrics token, or a login")
        return PlainTextResponse(await asyncio.to_thread(_metrics), media_type=CONTENT_TYPE_LATEST)

    @app.get("/static/{name:path}")
    async def static(name: str) -> Response:
        """Return a file of the pages."""
        file = _static_file(name)
        if file is None:
            raise NotFound(name)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return FileResponse(file, media_type=kind, headers={"Cache-Control": f"public, max-age={A_YEAR}, immutable"})


def _static_file(name: str) -> Path | None:
    """Return a file of the pages; None where there is none of that name, or no file can have it."""
    try:
        file = (STATIC / name).resolve()
        return file if file.is_relative_to(STATIC.resolve()) and file.is_file() else None
    except (OSError, ValueError):
        return None


def metrics_registry() -> CollectorRegistry:
    """Return the metrics of all processes that share theirs, else of this one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _metrics() -> bytes:
    return generate_latest(metrics_registry())


class Readiness:
    """Ready when every consumer has handled what had been published when this process began and what came of that, and every
    part says so.

    What the consumers publish is for each other to handle in turn; a chain of causes is at most so long (filed, alert, task,
    picture), so that a busy suite is ready too, though it is never done.
    """

    CHAIN = 4

    def __init__(self, parts: Sequence[Parts], pool: asyncpg.Pool) -> None:
        self._parts = parts
        self._pool = pool
        self._goal: dict[str, int] = {}
        self._rounds = 0
        self._ready = False

    async def start(self) -> None:
        async with self._pool.acquire() as connection:
            self._goal = await heads(connection)

    async def missing(self) -> str | None:
        """Return what is missing, or None."""
        try:
            async with asyncio.timeout(3), self._pool.acquire() as connection:
                if not self._ready and (behind := await self._behind(connection)) is not None:
                    return f"{behind} has not handled everything yet"
                await connection.execute("SELECT 1")
        except (TimeoutError, *AWAY) as error:
            return f"the database is away: {error}"
        for part in self._parts:
            if part.ready is not None and (reason := await part.ready()) is not None:
                return f"{part.name}: {reason}"
        self._ready = True
        return None

    async def _behind(self, connection: asyncpg.Connection) -> str | None:
        """Return a consumer that has not come to the goal; where all have, set the next goal: what they have published."""
        while self._rounds < self.CHAIN:
            for consumer in (consumer for part in self._parts for consumer in part.consumers):
                if not has_reached(await positions_of(connection, consumer.name), self._goal):
                    return consumer.name
            reached, self._goal = self._goal, await heads(connection)
            self._rounds = self.CHAIN if self._goal == reached else self._rounds + 1
        return None


class Revocations:
    """Tells a verifier what was revoked: all that still matters before it serves, then whatever comes."""

    def __init__(self, pool: asyncpg.Pool, verifier: TokenVerifier, clock: Clock) -> None:
        self._pool = pool
        self._verifier = verifier
        self._clock = clock
        self._positions: dict[str, int] | None = None

    async def load(self) -> None:
        """Take in what was revoked within a token's lifetime."""
        async with self._pool.acquire() as connection:
            events, self._positions = await load_revocations(connection, self._clock.now() - self._verifier.lifetime)
        self._take(events)

    async def keep(self) -> None:
        """Follow from where the loading ended."""
        if self._positions is None:
            await self.load()
        async for batch in follow(self._pool, (AccessRevoked,), self._positions):
            self._verifier.forget(self._clock.now())
            self._take([stored.event for stored in batch])

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, AccessRevoked):
                self._verifier.revoke(event.subject, event.token_id, event.at)


class MachineKeys:
    """Keeps a ring of the keys that hold: all of them before it serves, then whatever comes; and tells when they are used."""

    def __init__(self, pool: asyncpg.Pool, ring: KeyRing) -> None:
        self.ring = ring
        self._pool = pool
        self._positions: dict[str, int] | None = None

    async def load(self) -> None:
        """Take in the keys that hold."""
        async with self._pool.acquire() as connection:
            keys, self._positions = await load_keys(connection)
        self.ring.put(keys)

    async def keep(self) -> None:
        """Follow from where the loading ended."""
        if self._positions is None:
            await self.load()
        async for batch in follow(self._pool, (MachineKeyIssued, MachineKeyRevoked), self._positions):
            for stored in batch:
                match stored.event:
                    case MachineKeyIssued() as issued:
                        self.ring.put([key_of(issued)])
                    case MachineKeyRevoked(key_id=key_id, at=at):
                        self.ring.end(key_id, at)

    async def tell(self) -> None:
        """Tell now and then which keys are in use."""
        while True:
            await asyncio.sleep(KEY_USE_TOLD_S)
            await self.tell_once()

    async def tell_once(self) -> None:
        """Tell of the keys that were used since that was told last."""
        used = self.ring.uses_to_tell()
        async with self._pool.acquire() as connection, connection.transaction():
            await publish(connection, "access", [MachineKeyUsed(key_id=key, at=at) for key, at in used.items()])


async def keep_running(job: Job) -> None:
    """Run a job until cancelled; begin it again when it fails, ever more slowly."""
    pause: float | None = None
    while True:
        began = time.monotonic()
        try:
            await job.run()
        except Exception as error:
            pause = next_pause(pause, time.monotonic() - began)
            if says_away(error):
                log.warning("%s begins again in %.1f s, the database is away: %s", job.name, pause, error)
            else:
                log.exception("%s failed and begins again in %.1f s", job.name, pause)
        else:
            return
        await asyncio.sleep(pause)


def next_pause(before: float | None, ran_s: float) -> float:
    """Return how long a job waits that failed: longer each time, but from the beginning where it had run well."""
    if before is None or ran_s > LONGEST_PAUSE_S:
        return SHORTEST_PAUSE_S
    return min(before * 2, LONGEST_PAUSE_S)
