"""How what stations say of transactions becomes rows, and what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from ocpp_gateway.observation import TransactionReported, TransactionStopped
from ocpp_gateway.recorder.batch import Batch, Doubt, TransactionKey, by_turns, rounds
from ocpp_gateway.recorder.transactions import store
from youguan.clock import effective_time
from youguan.events import (
    Event,
    MeterRanBackwards,
    TransactionAuthorised,
    TransactionEnded,
    TransactionSettled,
    TransactionStarted,
)

ENDS = ("Ended", "Settled")


def starts(batch: Batch, numbers: dict[TransactionKey, store.Numbered]) -> list[Event]:
    """Return what is told of 1.6 starts: those that had not been told before, or whose id token is answered otherwise now."""
    events: list[Event] = []
    for key, begun in batch.begun.items():
        number, fresh, answered_anew = numbers[key]
        kind: type[TransactionStarted | TransactionAuthorised] = TransactionStarted if fresh else TransactionAuthorised
        if fresh or answered_anew:
            events.append(
                kind(
                    station_id=begun.station_id,
                    connector=begun.connector,
                    transaction_id=str(number),
                    effective_at=begun.effective_at,
                    id_token=begun.id_token,
                    standing=begun.standing,
                )
            )
    return events


async def stops(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    """Store 1.6 stops; return what is told of the transactions that ended.

    A station that never heard a transaction's number says 0 or -1 for it, time and again: each is another transaction.
    """
    events: list[Event] = []
    for part in by_turns(batch.stopped.values()):
        rows, said = await _stop(connection, part)
        ended = [_ended(row, said[row["station_id"], row["transaction_id"]]) for row in rows]
        ran = [found for row, end in zip(rows, ended, strict=True) for found in backwards(row, end)]
        batch.doubts += [doubt_about(found, rows[0]["noted_at"]) for found in ran]
        events += [*ended, *ran]
    return events


async def _stop(
    connection: asyncpg.Connection, stopped: Sequence[TransactionStopped]
) -> tuple[list[asyncpg.Record], dict[tuple[str, str], TransactionStopped]]:
    """Store stops whose numbers differ; return what ended now, and each stop by (station, number)."""
    reused = await store.stopped_otherwise(connection, stopped)
    numbered = [_set_aside(s) if (s.station_id, s.transaction_id) in reused else s for s in stopped]
    said = {(stop.station_id, stop.transaction_id): stop for stop in numbered}
    return await store.stop_transactions(connection, said.values()), said


def _ended(row: asyncpg.Record, stop: TransactionStopped) -> TransactionEnded:
    return TransactionEnded(
        station_id=row["station_id"],
        connector=row["connector"] or 0,
        transaction_id=row["transaction_id"],
        energy_wh=row["energy_wh"],
        reason=row["reason"],
        effective_at=stop.effective_at,
        started_at=began_at(row["started_at"], row["recorded_at"], stop.effective_at),
    )


def backwards(transaction: Mapping[str, Any], said: TransactionEnded | TransactionReported) -> list[MeterRanBackwards]:
    """Return that a transaction's meter stood lower at its end than at its start, if so: no energy is counted of it."""
    start, stop = transaction["meter_start_wh"], transaction["meter_stop_wh"]
    if start is None or stop is None or stop >= start:
        return []
    return [
        MeterRanBackwards(
            station_id=said.station_id, connector=transaction["connector"] or 0, transaction_id=said.transaction_id,
            meter_start_wh=start, meter_stop_wh=stop, effective_at=said.effective_at,
        )
    ]  # fmt: skip


def doubt_about(ran: MeterRanBackwards, noted_at: datetime) -> Doubt:
    """Return what is kept of a meter that ran backwards among the refused input."""
    start, stop = ran.meter_start_wh, ran.meter_stop_wh
    reason = (
        f"meterStop: {stop:.0f} Wh of transaction {ran.transaction_id} is less than the {start:.0f} Wh at its start"
    )
    return Doubt(ran.station_id, noted_at, "PropertyConstraintViolation", reason, "")


def _set_aside(stop: TransactionStopped) -> TransactionStopped:
    return replace(stop, transaction_id=f"{stop.transaction_id}@{round(stop.stopped_at.timestamp() * 1000)}")


def began_at(started_at: datetime | None, recorded_at: datetime, ended_at: datetime) -> datetime | None:
    """Return the effective start of a transaction that ended: never later than we first learnt of it, whatever its clock says.

    It is believed as far as it goes with the end: nobody charges for longer than a station may be offline.
    """
    if started_at is None:
        return None
    believed = effective_time(started_at, ended_at) == started_at
    return min(started_at, recorded_at) if believed else min(recorded_at, ended_at)


async def reports(connection: asyncpg.Connection, batch: Batch, source: str) -> list[Event]:
    """Store 2.x events; return what is told of the transactions that they are about."""
    events: list[Event] = []
    for part in rounds(batch.reported):
        events += await _report(connection, part, source, batch.doubts)
    return events


async def _report(
    connection: asyncpg.Connection, reported: Sequence[TransactionReported], source: str, doubts: list[Doubt]
) -> list[Event]:
    events: list[Event] = []
    for report in await store.insert_reports(connection, reported):
        merged = await store.merge_report(connection, report)
        if report.kind in ENDS or (report.kind == "Started" and merged["ended_before"] is not None):
            ran = backwards(merged, report)
            doubts += [doubt_about(found, merged["noted_at"]) for found in ran]
            events += ran
        number = merged["connector"] or 0  # an event may leave to another which connector it is
        if report.kind == "Started":
            events.append(
                TransactionStarted(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    effective_at=report.effective_at,
                    id_token=report.id_token,
                    standing=report.standing,
                )
            )
        elif report.kind == "Updated" and report.id_token:
            events.append(
                TransactionAuthorised(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    id_token=report.id_token,
                    effective_at=report.effective_at,
                    standing=report.standing,
                )
            )
        elif report.kind in ENDS and merged["ended_before"] is None:
            events.append(
                TransactionEnded(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    energy_wh=merged["energy_wh"],
                    reason=report.reason,
                    effective_at=report.effective_at,
                    started_at=began_at(merged["started_at"], merged["recorded_at"], report.effective_at),
                    source=source,
                )
            )
        elif report.kind == "Settled":
            events.append(
                TransactionSettled(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    energy_wh=merged["energy_wh"],
                    effective_at=report.effective_at,
                    ended_before=merged["ended_before"],
                )
            )
    return events
