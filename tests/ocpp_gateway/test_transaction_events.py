"""TransactionEvents of 2.x as stations send them, on a real PostgreSQL: where they happened and what was measured."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters import ocpp201
from ocpp_gateway.adapters.outcome import Context
from ocpp_gateway.authorisation.rules import IdToken
from ocpp_gateway.observation import TransactionReported
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.versions import V201
from ocpp_gateway.recorder.batch import COMMITTED
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.registration import Registration
from tests.ocpp_gateway.fakes import knowing
from tests.ocpp_gateway.test_recorder import NOW, Desk, events
from youguan.clock import ManualClock, utc_text
from youguan.database import create_pool

BEGUN = NOW - timedelta(hours=1)
CONTEXT = Context("s1", NOW, Registration.ACCEPTED, lambda _: 60, knowing(IdToken("A", concurrent=True)))


def minute(number: int) -> datetime:
    return BEGUN + timedelta(minutes=number)


def measured(number: int, wh: float, **sample: Any) -> dict[str, Any]:
    return {"timestamp": utc_text(minute(number)), "sampledValue": [{"value": wh, **sample}]}


def event(
    kind: str, seq_no: int, *values: dict[str, Any], transaction: str = "A", evse: int | None = None, **info: str
) -> dict[str, Any]:
    """Return the payload of an event; `seq_no` is also the minute at which it happened."""
    payload = {
        "eventType": kind,
        "timestamp": utc_text(minute(seq_no)),
        "triggerReason": "MeterValueClock",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction, **info},
    }
    if evse:
        payload["evse"] = {"id": evse, "connectorId": 1}
    if values:
        payload["meterValue"] = list(values)
    schemas.check(schemas.requests(V201)["TransactionEvent"], payload, V201)
    return payload


class Station:
    """A station that says its events to a recorder at work."""

    def __init__(self, desk: Desk, pool: asyncpg.Pool) -> None:
        self._desk = desk
        self.pool = pool

    async def says(self, *payloads: dict[str, Any]) -> None:
        for payload in payloads:
            outcome = ocpp201.transaction_event(payload, CONTEXT)
            assert await self._desk.put(*outcome.observations) == COMMITTED

    async def samples(self) -> list[tuple[Any, ...]]:
        """Return (transaction, connector, value) of what is stored, by time."""
        rows = await self.pool.fetch(
            "SELECT transaction_id, connector, value FROM telemetry.meter_sample ORDER BY occurred_at, transaction_id"
        )
        return [tuple(row) for row in rows]

    async def told(self, kind: str, *members: str) -> list[tuple[Any, ...]]:
        """Return members of the events of a kind that were told."""
        return [tuple(said[member] for member in members) for said in await events(self.pool, kind)]


@pytest.fixture
async def station(database_url: str) -> AsyncIterator[Station]:
    async with await create_pool(database_url) as pool:
        await Ownership(pool, 0, ManualClock(NOW)).start()
        desk = Desk(database_url)
        yield Station(desk, pool)
        await desk.stop()


async def test_what_names_no_evse_belongs_where_its_transaction_began(station: Station) -> None:
    token = {"idToken": {"idToken": "A", "type": "ISO14443"}}
    await station.says(
        event("Started", 0, measured(0, 1000), transaction="A", evse=1),
        event("Started", 0, measured(0, 5000), transaction="B", evse=2),
        event("Updated", 15, measured(15, 2000), transaction="A"),  # both by the clock, so at the same time
        event("Updated", 15, measured(15, 9000), transaction="B") | token,
        event("Ended", 30, measured(30, 2500), transaction="A"),
        event("Ended", 30, measured(30, 9500), transaction="B"),
    )
    assert await station.samples() == [
        ("A", 1, 1000), ("B", 2, 5000), ("A", 1, 2000), ("B", 2, 9000), ("A", 1, 2500), ("B", 2, 9500),
    ]  # fmt: skip
    assert await station.told("TransactionEnded", "transaction_id", "connector") == [("A", 1), ("B", 2)]
    assert await station.told("TransactionAuthorised", "transaction_id", "connector") == [("B", 2)]


async def test_what_was_measured_before_the_evse_is_known_is_kept_once(station: Station) -> None:
    first = [event("Updated", 15, measured(15, wh), transaction=t) for t, wh in (("A", 2000), ("B", 9000))]
    await station.says(*first, *first)
    assert await station.samples() == [("A", 0, 2000), ("B", 0, 9000)]


BEGIN, END = {"context": "Transaction.Begin"}, {"context": "Transaction.End"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            [event("Started", 0), event("Ended", 30, measured(0, 1000, **BEGIN), measured(30, 5000, **END))],
            (1000, 5000, 4000),
            id="all at the end",
        ),
        pytest.param(
            [event("Started", 0), event("Ended", 30, measured(30, 5000, **END), measured(0, 1000, **BEGIN))],
            (1000, 5000, 4000),
            id="the last first",
        ),
        pytest.param(
            [event("Ended", 30, measured(30, 5000, **END)), event("Started", 0, measured(0, 1000, **BEGIN))],
            (1000, 5000, 4000),
            id="the end first",
        ),
        pytest.param(
            [
                event("Started", 0, measured(0, 1000), measured(0, 400_000, location="Inlet")),
                event("Ended", 30, measured(30, 5000), measured(30, 900_000, location="Inlet", **END)),
            ],
            (1000, 5000, 4000),
            id="the inlet counts others too",
        ),
        pytest.param([event("Started", 0), event("Ended", 30, measured(30, 5000))], (5000, 5000, None), id="read once"),
        pytest.param([event("Started", 0, measured(0, 9))], (9, 9, 0), id="only begun"),
        pytest.param(
            [event("Started", 0, measured(0, 5000)), event("Ended", 30, measured(30, 20))], (5000, 20, None), id="backwards"
        ),
        pytest.param(
            [event("Ended", 30, measured(30, 20)), event("Started", 0, measured(0, 5000))],
            (5000, 20, None),
            id="backwards, the end first",
        ),
    ],
)  # fmt: skip
async def test_what_a_transaction_delivered(
    station: Station, said: list[dict[str, Any]], expected: tuple[float | None, ...]
) -> None:
    await station.says(*said)
    row = await station.pool.fetchrow(
        "SELECT meter_start_wh, meter_stop_wh, telemetry.energy_wh(t) FROM telemetry.transaction t"
    )
    assert row is not None
    assert tuple(row) == expected
    doubts = await station.pool.fetchval("SELECT count(*) FROM gateway.refused_input WHERE reason LIKE 'meterStop:%'")
    assert doubts == (expected[1] == 20)
    ran = [(0, 5000, 20)] if doubts else []
    assert await station.told("MeterRanBackwards", "connector", "meter_start_wh", "meter_stop_wh") == ran
    for energy_wh, reason in await station.told("TransactionEnded", "energy_wh", "reason"):
        assert reason == "Local"
        assert energy_wh == expected[2] or said[0]["eventType"] == "Ended"


@given(st.data())
def test_the_readings_of_an_event_are_told_apart_by_their_times_and_not_by_their_order(data: st.DataObject) -> None:
    readings = [(minute(n), 1000.0 + 10 * n) for n in data.draw(st.sets(st.integers(0, 59), min_size=1))]
    said = [measured(round((at - BEGUN).total_seconds()) // 60, wh) for at, wh in readings]
    said += data.draw(st.lists(st.builds(measured, st.integers(0, 59), st.floats(0, 9e6), location=st.just("Inlet"))))
    outcome = ocpp201.transaction_event(event("Updated", 59, *data.draw(st.permutations(said))), CONTEXT)
    (reported,) = [o for o in outcome.observations if isinstance(o, TransactionReported)]
    assert reported.readings == (min(readings), max(readings))
    assert reported.register_wh == max(readings)[1]
