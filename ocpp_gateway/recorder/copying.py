"""Meter samples in PostgreSQL's binary COPY format, made by hand: pure.

They are most of what is stored, and those of one message differ in kind and value only. asyncpg's encoder, which looks at every
field of every row, takes 3.5 µs of a message's 13 in the recorder; this takes 2 (docs/performance.md).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from struct import Struct

from ocpp_gateway.observation import MeterKind, MeterSampled

COLUMNS = ("station_id", "connector", "occurred_at", "received_at", "transaction_id", "mark", "kind", "value")
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

# A field is its length and its bytes; a row begins with the number of its fields.
FIELDS, LENGTH = Struct(">h").pack(len(COLUMNS)), Struct(">i")
CONNECTOR_AND_TIMES = Struct(">iiiqiq")
KIND_AND_VALUE = Struct(">iiid")
MARK = Struct(">ii")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def copied(samples: Sequence[MeterSampled], kinds: Mapping[MeterKind, int]) -> bytes:
    """Return rows of COLUMNS; a struct.error or UnicodeEncodeError where a value does not fit its column."""
    parts = [SIGNATURE]
    shared, head = None, b""
    for station_id, connector, kind, occurred_at, received_at, value, transaction_id, mark in samples:
        now = (occurred_at, received_at, station_id, connector, transaction_id, mark)
        if now != shared:
            shared, head = now, _head(station_id, connector, occurred_at, received_at, transaction_id, mark)
        parts.append(head)
        parts.append(KIND_AND_VALUE.pack(4, kinds[kind], 8, value))
    parts.append(TRAILER)
    return b"".join(parts)


def _head(
    station_id: str, connector: int, occurred_at: datetime, received_at: datetime, transaction_id: str | None, mark: int
) -> bytes:
    times = CONNECTOR_AND_TIMES.pack(4, connector, 8, microseconds(occurred_at), 8, microseconds(received_at))
    transaction = NULL if transaction_id is None else _text(transaction_id)
    return FIELDS + _text(station_id) + times + transaction + MARK.pack(4, mark)


def _text(text: str) -> bytes:
    raw = text.encode()
    return LENGTH.pack(len(raw)) + raw


def microseconds(moment: datetime) -> int:
    """Return a timestamptz's number: whole, and in two thirds of the time that a division of timedeltas takes."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
