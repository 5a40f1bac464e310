"""Times and measured values as stations write them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ocpp_gateway.observation import MeterKind
from ocpp_gateway.protocol.frames import Refusal

THOUSANDS = {"kWh": "Wh", "kW": "W", "kvarh": "varh", "kvar": "var", "kVA": "VA", "kVAh": "VAh"}
REGISTER = "Energy.Active.Import.Register"
BASE_UNITS = {"Energy": "Wh", "Power": "W", "Current": "A", "Voltage": "V", "SoC": "Percent", "Temperature": "Celsius"}


def read_time(text: str, member: str) -> datetime:
    """Return a time in UTC; one without a zone is taken as UTC, as stations that write such mean it."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("TypeConstraintViolation", f"{member}: {text!r:.40} is not a time") from None


def read_place(payload: dict[str, Any], member: str) -> int:
    """Return the number of an EVSE or connector, which the schemas let be negative."""
    number: int = payload[member]
    if number < 0:
        raise Refusal("PropertyConstraintViolation", f"{member}: {number} is less than 0")
    return number


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value in its base unit."""

    kind: MeterKind
    number: float


def read_value(sample: dict[str, Any]) -> Value | None:
    """Return a sampled value of 1.6 or 2.x, or None where it is no finite number (signed data is kept in the frame)."""
    try:
        number = float(sample["value"])
    except ValueError:
        return None
    measurand = sample.get("measurand", REGISTER)
    unit, multiplier = _unit(sample, measurand)
    number *= multiplier
    if not math.isfinite(number):
        return None
    place = sample.get("location", "Outlet")
    return Value(
        MeterKind(measurand, sample.get("phase", ""), place, sample.get("context", "Sample.Periodic"), unit), number
    )


def _unit(sample: dict[str, Any], measurand: str) -> tuple[str, float]:
    described = sample.get("unitOfMeasure") or {}
    unit = described.get("unit") or sample.get("unit") or BASE_UNITS.get(measurand.split(".", 1)[0], "")
    multiplier = 10.0 ** described.get("multiplier", 0)
    base = THOUSANDS.get(unit)
    return (base, multiplier * 1000) if base else (unit, multiplier)


def registers(meter_values: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield (timestamp as written, Wh) of every reading of the whole energy register, no single phase."""
    for meter_value in meter_values:
        for sample in meter_value["sampledValue"]:
            value = read_value(sample)
            if value and value.kind.measurand == REGISTER and not value.kind.phase:
                yield meter_value["timestamp"], value.number
