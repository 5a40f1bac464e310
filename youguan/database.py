"""PostgreSQL: connections, the pool, and which storage mode the server offers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

import asyncpg
import orjson

from youguan.listening import Bell

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")
Given = ParamSpec("Given")
Done = TypeVar("Done")

SERIES = "telemetry.raw_frame"  # one of the time series, of which all live in the same way
# What a server says while it is starting, restarting, or not there yet.
AWAY = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg stumbles over when the server ends a connection between two statements
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a database that lets nobody in, while it is restored for instance
)


def says_away(error: BaseException) -> bool:
    """Say whether an error tells only that a server is away; what may be a mistake of ours (any other OSError) does not."""
    match error:
        case BaseExceptionGroup():
            return all(says_away(part) for part in error.exceptions)
        case asyncpg.InterfaceError():
            return "closed" in str(error)
        case OSError():  # the second: what asyncio says where a name has several addresses
            return isinstance(error, ConnectionError) or "Connect call failed" in str(error)
    return isinstance(error, AWAY)


# What a server says to one of two transactions that wait for each other: nothing of it was kept.
GAVE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Let a new connection speak JSON through orjson and tell times in UTC."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=orjson.loads, format="text"
        )


def _json_text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def quoted(identifier: str) -> str:
    """Return an identifier as it stands in a statement, whatever it is made of."""
    return '"' + identifier.replace('"', '""') + '"'


async def connect(dsn: str) -> asyncpg.Connection:
    """Open one connection, set up as those of the pool are."""
    connection = await asyncpg.connect(dsn, server_settings=SESSION)
    try:
        await prepare_connection(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


SESSION = {"timezone": "UTC", "application_name": "youguan"}


# A server that hangs must not hang everybody for ever. Statements that take longer name their own `timeout`.
COMMAND_WITHIN_S, CONNECTION_WITHIN_S = 60.0, 10.0


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is given back as it is: whoever listens or sets something undoes it himself; of locks see `session_lock`.

    To be sure of that asyncpg asks the server to forget all of it whenever a connection is given back: one more statement.
    """

    def get_reset_query(self) -> str:
        return ""


class Pool(asyncpg.Pool):  # type: ignore[misc]
    """A pool that gives up waiting for a connection, and for a connection to be given back, after a while."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.bell = Bell(self)

    def acquire(self, *, timeout: float | None = CONNECTION_WITHIN_S) -> Any:
        """Return a connection as a context manager; TimeoutError."""
        return super().acquire(timeout=timeout)


@asynccontextmanager
async def session_lock(connection: asyncpg.Connection, take: str, undo: str, *key: object) -> AsyncIterator[bool]:
    """Hold a lock of the session while the block lasts; False where `take` says that somebody else has it.

    Whoever is cancelled while he takes it or gives it back cannot know whether he holds it. Then the connection is closed, and
    the lock goes with it: whoever gets the connection next would hold it unawares, for as long as it lasts.
    """
    try:
        is_ours = await connection.fetchval(take, *key) is not False
    except BaseException:
        _close_at_once(connection)
        raise
    try:
        yield is_ours
    finally:
        if is_ours:
            await _give_back(connection, undo, *key)


async def _give_back(connection: asyncpg.Connection, undo: str, *key: object) -> None:
    try:
        await connection.execute(undo, *key)
    except Exception as error:
        log.warning("a lock ends with its connection: %s", error)
        _close_at_once(connection)
    except BaseException:
        _close_at_once(connection)
        raise


def _close_at_once(connection: asyncpg.Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool has taken it back because it is closed
        connection.terminate()


async def patiently(pool: asyncpg.Pool, load: Callable[[asyncpg.Connection], Awaitable[Loaded]]) -> Loaded:
    """Return what is read over a connection, however long the database is away."""
    while True:
        try:
            async with pool.acquire() as connection:
                return await load(connection)
        except AWAY as error:
            log.warning("database away: %s", error)
            await asyncio.sleep(0.5)


def whole(work: Callable[Given, Awaitable[Done]]) -> Callable[Given, Coroutine[Any, Any, Done]]:
    """Let what is one transaction and nothing else be done once more, where it gave way to another that it waited for.

    Nothing of the first try was kept, so nobody is told of it. Nothing that takes a connection from outside is whole, nor what
    reads a body or moves a file beside its transaction. A second time in a row the caller is told to try again (503).
    """

    @wraps(work)
    async def once_more(*arguments: Given.args, **named: Given.kwargs) -> Done:
        try:
            return await work(*arguments, **named)
        except GAVE_WAY as error:
            log.info("a change gave way to another and begins anew: %s", error)
        return await work(*arguments, **named)

    return once_more


async def create_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    patience_s: float = 60,
    command_within_s: float = COMMAND_WITHIN_S,
) -> asyncpg.Pool:
    """Open a pool; wait up to `patience_s` for a server that is not up yet, or not at all where `min_size` is 0."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await Pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                max_queries=50_000,
                max_inactive_connection_lifetime=300.0,
                init=prepare_connection,
                loop=None,
                connection_class=PooledConnection,
                record_class=asyncpg.Record,
                server_settings=SESSION,
                timeout=CONNECTION_WITHIN_S,
                command_timeout=command_within_s,
            )
        except AWAY:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def storage_mode(connection: asyncpg.Connection) -> Literal["plain", "timescale"]:
    """Say where the time series live: what their tables are or, where there are none yet, what the server offers.

    A database that began plain stays plain on a server that offers TimescaleDB later.
    """
    plain = await connection.fetchval("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass($1)", SERIES)
    if plain is None:
        plain = not await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    return "plain" if plain else "timescale"
