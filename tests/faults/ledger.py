"""What stations were told is stored, in their own books, and how that is held against the database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

LAST_MOMENTS = timedelta(seconds=2)  # between what a killed gateway passed on and what was on its disk
LISTED = 5  # of what differs, so many are named

Rows = dict[tuple[Any, ...], Any]
"""What was acknowledged, by its key."""


@dataclass
class Ledger:
    """What was acknowledged, by table; and what was never to happen."""

    statuses: Rows = field(default_factory=dict)  # (station, connector, at) → status
    samples: Rows = field(default_factory=dict)  # (station, connector, measurand, at) → (value, transaction)
    transactions: Rows = field(default_factory=dict)  # (station, transaction) → (start, stop, Wh, Wh, reason)
    transaction_events: Rows = field(default_factory=dict)  # (station, transaction, number) → (kind, at)
    readings: Rows = field(default_factory=dict)  # (site, kind, sensor, at) → value
    published: Rows = field(default_factory=dict)  # statuses that came by a broker: (station, connector, at) → status
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)  # (station, frame): how often it went out
    answered: set[tuple[str, str]] = field(default_factory=set)  # those frames that were answered
    refused: list[str] = field(default_factory=list)
    lost_connections: int = 0

    def count(self) -> int:
        """Return how many messages were acknowledged."""
        return len(self.answered) + len(self.published) + len(self.readings)

    def counts(self) -> dict[str, int]:
        tables = ("statuses", "samples", "transactions", "transaction_events", "readings", "published", "answered")
        return {table: len(getattr(self, table)) for table in tables}


STATUSES = "SELECT station_id, connector, occurred_at, status FROM telemetry.status_change"
SAMPLES = """
SELECT station_id, connector, measurand, occurred_at, value, transaction_id FROM telemetry.meter_value
"""
TRANSACTIONS = """
SELECT station_id, transaction_id, started_at, stopped_at, meter_start_wh, meter_stop_wh, reason FROM telemetry.transaction
"""
TRANSACTION_EVENTS = """
SELECT station_id, transaction_id, seq_no, kind, occurred_at FROM telemetry.transaction_event
"""
READINGS = "SELECT site_id, kind, sensor, occurred_at, value FROM telemetry.sensor_reading"
FRAMES = "SELECT station_id, frame FROM telemetry.raw_frame WHERE NOT sent"
GAPS = "SELECT since FROM gateway.relay_gap"
STREAMS = """
SELECT s.name, s.last_sequence, count(e.sequence) AS events, min(e.sequence) AS first, max(e.sequence) AS last
FROM eventlog.stream s LEFT JOIN eventlog.event e ON e.stream = s.name GROUP BY s.name, s.last_sequence
"""
CHANGES = """
SELECT payload->>'station_id', (payload->>'connector')::int, (payload->>'occurred_at')::timestamptz, payload->>'status'
FROM eventlog.event WHERE type = 'ConnectorStatusChanged'
"""
TOLD = """
SELECT payload->>'station_id', payload->>'transaction_id', type FROM eventlog.event
WHERE type IN ('TransactionStarted', 'TransactionEnded')
"""


async def differences(connection: asyncpg.Connection, ledger: Ledger, relayed: Ledger | None = None) -> list[str]:
    """Return in words whatever the database has more or less than was acknowledged; all must be acknowledged by now.

    `relayed`: what an upstream acknowledged. We have it too, but for the last moments of a gateway that was killed, which are told.
    """
    found = await connection.fetch(STATUSES)
    there = {tuple(row)[:3] for row in found}
    passed_on = relayed.statuses if relayed else {}
    lost = [at for (station, connector, at) in passed_on if (station, connector, at) not in there]
    statuses = {**ledger.statuses, **ledger.published, **{key: passed_on[key] for key in passed_on if key in there}}
    ends = Counter((*key, kind) for key in ledger.transactions for kind in ("TransactionStarted", "TransactionEnded"))
    changes = await _keys(connection, CHANGES, 4)
    others = ledger.published.keys() | passed_on.keys()
    by_others = Counter({key: count for key, count in changes.items() if key[:3] in others})
    return [
        *_rows("status_change", statuses, found),
        *_untold(lost, [row["since"] for row in await connection.fetch(GAPS)]),
        *_rows("meter_sample", ledger.samples, await connection.fetch(SAMPLES)),
        *_rows("transaction", ledger.transactions, await connection.fetch(TRANSACTIONS)),
        *_rows("transaction_event", ledger.transaction_events, await connection.fetch(TRANSACTION_EVENTS)),
        *_rows("sensor_reading", ledger.readings, await connection.fetch(READINGS)),
        *_frames(ledger, await _keys(connection, FRAMES, 2)),
        *_gaps(await connection.fetch(STREAMS)),
        # A station that speaks for itself tells each change in its order, and each is one; a broker may change the order.
        *_counted("told", _as_counted(ledger.statuses), changes - by_others),
        *(f"told more than once: {key}" for key, count in by_others.items() if count > 1),
        *_counted("told of a transaction", ends, await _keys(connection, TOLD, 3)),
    ]


def _untold(lost: Iterable[datetime], gaps: Iterable[datetime]) -> list[str]:
    """Name what an upstream acknowledged and we have not, though no gap tells of it."""
    began = list(gaps)
    untold = [at for at in lost if not any(abs(at - since) < LAST_MOMENTS for since in began)]
    return [f"passed on, not stored, and not told of as a gap: {len(untold)}, at {untold[0]}"] if untold else []


async def _keys(connection: asyncpg.Connection, query: str, width: int) -> Counter[Any]:
    return Counter(tuple(row)[:width] for row in await connection.fetch(query))


def _rows(table: str, wanted: Rows, found: Iterable[Any]) -> list[str]:
    """Compare row by row: the key's columns, then what the row says."""
    return _counted(f"in {table}", _as_counted(wanted), Counter(tuple(row) for row in found))


def _as_counted(rows: Rows) -> Counter[Any]:
    return Counter((*key, *(value if isinstance(value, tuple) else (value,))) for key, value in rows.items())


def _counted(where: str, wanted: Mapping[Any, int], found: Mapping[Any, int]) -> list[str]:
    lost, more = Counter(wanted), Counter(found)
    lost.subtract(found)
    more.subtract(wanted)
    return [*_listed(f"missing {where}", +lost), *_listed(f"too much {where}", +more)]


def _listed(what: str, rows: Counter[Any]) -> list[str]:
    if not rows:
        return []
    return [f"{what}: {rows.total()}", *(f"  {' '.join(map(str, row))} × {n}" for row, n in rows.most_common(LISTED))]


def _frames(ledger: Ledger, found: Mapping[tuple[str, str], int]) -> list[str]:
    """Each frame that was answered is evidence, as often as it arrived at most."""
    missing = Counter({key: 1 for key in ledger.answered if key not in found})
    doubled = Counter({key: found[key] - sent for key, sent in ledger.sent.items() if found.get(key, 0) > sent})
    return [*_listed("missing in raw_frame", missing), *_listed("too much in raw_frame", doubled)]


def _gaps(streams: Iterable[Any]) -> list[str]:
    return [
        f"stream {s['name']}: {s['events']} events from {s['first']} to {s['last']}, its head at {s['last_sequence']}"
        for s in streams
        if (s["events"], s["last"]) != (s["last_sequence"], s["last_sequence"] or None)
    ]
