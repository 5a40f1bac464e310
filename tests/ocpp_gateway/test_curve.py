"""Curves of a transaction: every kind over the same time, the highest on top."""

from datetime import UTC, datetime, timedelta

from ocpp_gateway.pages.curve import Measured, curves

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: int, value: float, name: str = "Power.Active.Import", unit: str = "W") -> Measured:
    return Measured(name, unit, NOW + timedelta(minutes=minutes), value)


def test_every_kind_has_a_curve_over_the_same_time_in_the_order_of_time() -> None:
    power, soc = curves([at(10, 0), at(0, 7000), at(5, 3500), at(5, 40, "SoC", "Percent")])
    assert (power.name, power.count, power.first, power.last, power.lowest, power.highest) == (
        "Power.Active.Import", 3, 7000, 0, 0, 7000,
    )  # fmt: skip
    assert power.points == "0.0,0.0 500.0,50.0 1000.0,100.0"
    assert (soc.unit, soc.points) == ("Percent", "500.0,50.0")


def test_one_value_and_none() -> None:
    assert [curve.points for curve in curves([at(0, 5)])] == ["0.0,50.0"]
    assert curves([]) == []
