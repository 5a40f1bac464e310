"""What a province is told of this moment: of what was really recorded, to a counterpart written apart from ours."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from ocpp_gateway.cec102.calling import Callers
from ocpp_gateway.cec102.client import http_client
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.upward.moments import SITES_A_MESSAGE, Charging, Drawing, charging_of, powers_of
from ocpp_gateway.cec102.upward.pulse import VALUES_HOLD, Pulse
from ocpp_gateway.cec102.upward.reporting import Upward
from ocpp_gateway.cec102.upward.reports import Coded, order_number, worded
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.observation import Condition, MeterKind, MeterSampled, StatusReported, TransactionReported
from ocpp_gateway.stations import store as stations
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Opening
from tests.independent.cec102_platform import Serving
from tests.ocpp_gateway.platforms import OPERATOR_ID, SECRET, file_all, let_in
from tests.ocpp_gateway.test_recorder import Desk
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.settings import Settings

PROFILES = profiles_of(Settings())
PROVINCE, SITE = "330000000", "000000000000009"
CHARGING, POWER = "supervise_notification_equip_charge_status", "supervise_notification_realtime_power_info"
PLACE = Coded("P1", 1, OPERATOR_ID, SITE, "P1", "P1-1")
AT = datetime(2026, 5, 4, 4, tzinfo=UTC)
METERS = {
    ("Current.Import", ""): 80.04, ("Voltage", ""): 401.5, ("SoC", ""): 55.0, ("Power.Active.Import", ""): 32_136.0,
    ("Energy.Active.Import.Register", ""): 21_500.0,
}  # fmt: skip


# --- the words --------------------------------------------------------------------------------------------------


def test_how_charging_goes_in_the_provinces_words() -> None:
    going_on = Charging(PLACE, "N1", "charging", AT, 1500.0, METERS, AT + timedelta(minutes=4))
    report = charging_of(going_on, AT + timedelta(minutes=5))
    assert (report.kind, report.subject) == ("charging", "P1-1")
    assert worded(report.kind, report.content, PROFILES["zhejiang"]) == {
        "OperatorID": OPERATOR_ID, "EquipmentOwnerID": OPERATOR_ID, "StationID": SITE, "EquipmentID": "P1", "ConnectorID": "P1-1",
        "OrderNo": "N1", "OrderStatus": 2, "ConnectorStatus": 3, "PushTimeStamp": "2026-05-04 12:05:00",
        "StartTime": "2026-05-04 12:00:00", "EndTime": "2026-05-04 12:04:00", "eventTime": "2026-05-04 12:04:00",
        "CurrentA": 80.0, "VoltageA": 401.5, "SOC": 55.0, "TotalPower": 20.0, "chargeVoltage": 4015, "chargeCurrent": 4800,
    }  # fmt: skip


@pytest.mark.parametrize("condition", ["charging", "occupied"])
def test_what_a_charger_does_not_tell_is_said_as_the_profile_has_it(condition: str) -> None:
    report = charging_of(Charging(PLACE, "N1", condition, AT, None, {}, None), AT)
    by_platform = charging_of(Charging(PLACE, "N1", condition, AT, 0.0, {}, None, 7500.0), AT)
    assert by_platform.content["TotalPower"] == 7.5, "what its own platform said of it, without a register"
    assert not {"SOC", "CurrentA", "TotalPower"} & report.content.keys(), "we know nothing of it"
    told = worded(report.kind, report.content, PROFILES["zhejiang"])
    assert (told["SOC"], told["CurrentA"], told["VoltageA"], told["TotalPower"], told["chargeCurrent"]) == (
        0,
        0,
        0,
        0,
        4000,
    )
    assert told["OrderStatus"] == (2 if condition == "charging" else 5)


def test_three_phases_and_a_register_that_began_anew() -> None:
    values = {
        **{("Current.Import", f"L{n}"): 10.0 + n for n in (1, 2, 3)}, **{("Voltage", f"L{n}-N"): 230.0 + n for n in (1, 2, 3)},
        ("Energy.Active.Import.Register", ""): 5.0,
    }  # fmt: skip
    told = charging_of(Charging(PLACE, "N1", "charging", AT, 1000.0, values, AT), AT).content
    assert [told[f"{what}{phase}"] for what in ("Current", "Voltage") for phase in "ABC"] == [11, 12, 13, 231, 232, 233]
    assert told["TotalPower"] == 0


def drawing(connector: int, condition: str, power: dict[str, float] | None = None, equipment: str = "E1") -> Drawing:
    place = Coded("P1", connector, OPERATOR_ID, SITE, equipment, f"{equipment}-{connector}")
    return Drawing(place, condition, {("Power.Active.Import", phase): w for phase, w in (power or {}).items()}, AT)


def test_the_power_of_a_site_by_equipment_and_connector() -> None:
    (report,) = powers_of(
        [
            drawing(1, "charging", {"": 30_000}), drawing(2, "available"),
            drawing(3, "charging"), drawing(1, "charging", {"L1": 2000, "L2": 2000, "L3": 3000}, "E2"),
        ],
        AT,
    )  # fmt: skip
    (site,) = worded(report.kind, report.content, PROFILES["zhejiang"])["SupStationPowerInfos"]
    assert (site["StationID"], site["DataTime"], site["StationRealTimePower"]) == (SITE, "2026-05-04 12:00:00", 37.0)
    equipments = site["EquipmentPowerInfos"]
    assert [(e["EquipmentID"], e["EquipRealTimePower"]) for e in equipments] == [("E1", 30.0), ("E2", 7.0)]
    connectors = [(c["ConnectorID"], c["ConnectorRealTimePower"]) for e in equipments for c in e["ConnectorPowerInfos"]]
    assert connectors == [("E1-1", 30.0), ("E1-2", 0.0), ("E2-1", 7.0)], "who charges and does not say is left out"


def test_many_sites_are_several_messages() -> None:
    many = [
        Drawing(PLACE._replace(cec_station_id=f"{n:015d}"), "available", {}, None) for n in range(SITES_A_MESSAGE + 1)
    ]
    assert [len(report.content["SupStationPowerInfos"]) for report in powers_of(many, AT)] == [SITES_A_MESSAGE, 1]


# --- the queue --------------------------------------------------------------------------------------------------


def _kind(measurand: str, phase: str, units: dict[str, str]) -> MeterKind:
    return MeterKind(measurand, phase, "Outlet", "Sample.Periodic", units[measurand.partition(".")[0]])


class Reporting:
    """A station that charges, a province, and a clock that is moved by hand."""

    def __init__(self, pool: asyncpg.Pool, client: httpx.AsyncClient, desk: Desk) -> None:
        self.pool, self._desk = pool, desk
        self.clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
        sealer = Sealer(SECRET)
        platforms = PlatformDesk(pool, self.clock, sealer, PROFILES)
        self.pulse = Pulse(platforms, self.clock)
        self.upward = Upward(platforms, Callers(platforms, sealer, client, self.clock), self.clock)

    async def charge(self) -> None:
        """Let P1 be connected, and charge at its first connector."""
        at = self.clock.now()
        await Ownership(self.pool, 0, self.clock).start()
        async with self.pool.acquire() as connection, connection.transaction():
            await stations.claim(connection, 0, {"P1": Opening("P1", "2.0.1", "", at)})
        await self._desk.put(
            StatusReported("P1", 1, at, at, at, "Charging", Condition.CHARGING, None, None, None),
            TransactionReported("P1", "T1", 0, "Started", 1, "A", at, at, at, 1500.0, None, False),
            *self._samples(at),
            station="P1",
        )

    def _samples(self, at: datetime) -> list[MeterSampled]:
        units = {"Current": "A", "Voltage": "V", "SoC": "Percent", "Power": "W", "Energy": "Wh"}
        return [
            MeterSampled("P1", 1, _kind(measurand, phase, units), at, at, value, "T1")
            for (measurand, phase), value in METERS.items()
        ]

    async def stop_charging(self) -> None:
        at = self.clock.now()
        await self._desk.put(
            TransactionReported("P1", "T1", 1, "Ended", 1, "A", at, at, at, 25_000.0, "Local", False), station="P1"
        )

    async def look(self) -> None:
        """Let what is due be queued, and sent."""
        await self.pulse.look()
        await self.upward.look()
        await self.upward.told()

    async def waiting(self) -> list[str]:
        rows = await self.pool.fetch("SELECT kind FROM gateway.upward_report WHERE state = 'waiting' ORDER BY id")
        return [row["kind"] for row in rows]


@pytest.fixture
def serving() -> Iterator[Serving]:
    serving = Serving({})
    for message in (CHARGING, POWER):
        serving.answers[message] = lambda content: {}
    yield serving
    serving.stop()


@pytest.fixture
async def reporting(database_url: str, serving: Serving) -> AsyncIterator[Reporting]:
    async with await create_pool(database_url) as pool, http_client() as client:
        await file_all(pool)
        desk = Desk(database_url)
        found = Reporting(pool, client, desk)
        await found.charge()
        await let_in(pool, PROVINCE, "province", "zhejiang", serving.address)
        yield found
        await desk.stop()


def said(serving: Serving, message: str) -> list[Any]:
    return [content for name, content in serving.served.messages if name == message]


async def test_a_province_hears_every_five_minutes_how_charging_goes_and_what_power_is_taken(
    reporting: Reporting, serving: Serving
) -> None:
    started_at = reporting.clock.now()
    for _ in range(3):
        await reporting.look()
        reporting.clock.advance(timedelta(seconds=150))
    assert len(said(serving, CHARGING)) == len(said(serving, POWER)) == 2, "at once, and after five minutes"
    charge = said(serving, CHARGING)[0]
    assert (charge["ConnectorID"], charge["SOC"], charge["TotalPower"]) == ("P1-1", 55.0, 20.0)
    assert charge["OrderNo"] == order_number(PLACE, "T1", started_at), "as its order will be known"
    (site,) = said(serving, POWER)[0]["SupStationPowerInfos"]
    assert (site["StationID"], site["StationRealTimePower"]) == (SITE, 32.14)
    await reporting.stop_charging()
    reporting.clock.advance(timedelta(minutes=5))
    await reporting.look()
    assert len(said(serving, CHARGING)) == 2, "it is over"


async def test_what_a_meter_said_long_ago_is_no_word_about_now(reporting: Reporting, serving: Serving) -> None:
    reporting.clock.advance(VALUES_HOLD + timedelta(seconds=1))
    await reporting.look()
    assert said(serving, CHARGING)[0]["SOC"] == 0
    (site,) = said(serving, POWER)[0]["SupStationPowerInfos"]
    assert site["EquipmentPowerInfos"][0]["ConnectorPowerInfos"] == []


async def test_while_a_province_is_away_one_moment_waits_and_not_all_of_them(
    reporting: Reporting, serving: Serving
) -> None:
    serving.stop()
    for _ in range(4):
        await reporting.look()
        reporting.clock.advance(timedelta(minutes=5))
    assert sorted(await reporting.waiting()) == ["charging", "power"]


async def test_who_speaks_as_the_standard_has_it_is_told_of_no_moment(reporting: Reporting, serving: Serving) -> None:
    await reporting.pool.execute("UPDATE gateway.platform SET profile = 'cec-2016'")
    await reporting.look()
    assert await reporting.waiting() == []
    assert serving.served.messages == []
