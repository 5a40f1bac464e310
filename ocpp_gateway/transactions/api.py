"""Transactions over HTTP."""

from collections.abc import Sequence
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from ocpp_gateway.api import SampleOut
from ocpp_gateway.authorisation.rules import Standing
from ocpp_gateway.store import get_station
from ocpp_gateway.transactions import store
from youguan.auth import Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_station
from youguan.web.times import UtcTime

Open = Annotated[bool | None, Query(description="true: not ended; false: ended")]
MOST_SAMPLES = 10_000
MOST_EVENTS = 1_000
MOST_MISSING = 100
MOST_COUNTED = 10_000


class TransactionOut(BaseModel):
    """A transaction; `energy_wh` is null while the meter has not said it."""

    station_id: str
    transaction_id: str
    connector: int | None
    id_token: str | None
    standing: Standing | None = Field(description="what the id token was answered; null: nobody asked us")
    started_at: UtcTime | None
    stopped_at: UtcTime | None
    meter_start_wh: float | None
    meter_stop_wh: float | None
    energy_wh: float | None
    duration_s: float | None
    reason: str | None = Field(description="why it ended, in the protocol's word")
    missing_events: int = Field(description="events of a 2.x transaction that never came, by their numbers")


class TransactionPage(Page[TransactionOut]):
    """A page of transactions; `count` is how many there are in all, where `count_is_whole`: else there are more than that."""

    count: int = Field(le=MOST_COUNTED)
    count_is_whole: bool


class TransactionEventOut(BaseModel):
    """A 2.x TransactionEvent as it came; `kind`: Started, Updated or Ended."""

    seq_no: int
    kind: str
    occurred_at: UtcTime
    received_at: UtcTime
    register_wh: float | None
    offline: bool


class TransactionWithEvents(TransactionOut):
    """A transaction with its first 10,000 measured values, its first 1,000 events and the numbers of up to 100 missing ones."""

    missing_seq: list[int]
    events: list[TransactionEventOut]
    events_next: str | None = Field(description="where …/events goes on; null: these are all")
    meter_samples: list[SampleOut]


def missing(gaps: Sequence[tuple[int, int]]) -> list[int]:
    """Return the numbers of a transaction's events that never came, the first of them; of each gap (first, next that came)."""
    found: list[int] = []
    for first, following in gaps:
        found += range(first, min(following, first + MOST_MISSING - len(found)))
    return found


def add_transactions(app: FastAPI, pool: asyncpg.Pool) -> None:
    """Add what is read of transactions to /api/gateway."""

    @app.get("/stations/{station_id}/transactions")
    async def transactions(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        open: Open = None,
        id_token: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> TransactionPage:
        """List a station's transactions, newest first."""
        async with pool.acquire() as connection:
            await get_station(connection, station_id)
            return await page(connection, store.TransactionFilter(station_id, open, id_token), limit, cursor)

    @app.get("/transactions")
    async def all_transactions(
        who: Annotated[Principal, Depends(require())],
        station: str | None = None,
        open: Open = None,
        id_token: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> TransactionPage:
        """List the transactions of all stations, newest first."""
        async with pool.acquire() as connection:
            return await page(connection, store.TransactionFilter(station, open, id_token, who.scope), limit, cursor)

    async def page(
        connection: asyncpg.Connection, chosen: store.TransactionFilter, limit: int, cursor: str | None
    ) -> TransactionPage:
        key = decode_cursor(cursor, int)
        rows = await store.transactions(connection, chosen, before=key[0] if key else None, limit=limit)
        count = await store.count_transactions(connection, chosen, MOST_COUNTED)
        return TransactionPage(
            items=[TransactionOut(**dict(row)) for row in rows],
            next=next_cursor(rows, limit, "id"),
            count=min(count, MOST_COUNTED),
            count_is_whole=count <= MOST_COUNTED,
        )

    @app.get("/stations/{station_id}/transactions/{transaction_id}")
    async def transaction(
        station_id: str, transaction_id: str, _: Annotated[Principal, Depends(require_station(pool))]
    ) -> TransactionWithEvents:
        """Return a transaction with what was measured in it and, in OCPP 2.x, its events."""
        async with pool.acquire() as connection:
            row = await store.get_transaction(connection, station_id, transaction_id)
            events = await store.transaction_events(
                connection, station_id, transaction_id, after=None, limit=MOST_EVENTS
            )
            gaps = await store.gaps(connection, row, MOST_MISSING)
            samples = await store.transaction_samples(connection, row, MOST_SAMPLES)
        return TransactionWithEvents(
            **dict(row),
            missing_seq=missing(gaps),
            events=[TransactionEventOut(**dict(event)) for event in events],
            events_next=next_cursor(events, MOST_EVENTS, "seq_no"),
            meter_samples=[SampleOut(**dict(sample)) for sample in samples],
        )

    @app.get("/stations/{station_id}/transactions/{transaction_id}/events")
    async def events_of(
        station_id: str,
        transaction_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TransactionEventOut]:
        """List the events of an OCPP 2.x transaction by their numbers."""
        key = decode_cursor(cursor, int)
        after = key[0] if key else None
        async with pool.acquire() as connection:
            await store.get_transaction(connection, station_id, transaction_id)
            rows = await store.transaction_events(connection, station_id, transaction_id, after=after, limit=limit)
        return Page(items=[TransactionEventOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "seq_no"))
