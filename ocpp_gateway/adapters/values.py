"""Times and measured values as stations write them."""

from collections.abc import Iterable
from datetime import MINYEAR, UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from ocpp_gateway.observation import MeterKind, MeterSampled, Reading
from ocpp_gateway.protocol.frames import Refusal

THOUSANDS = {"kWh": "Wh", "kW": "W", "kvarh": "varh", "kvar": "var", "kVA": "VA", "kVAh": "VAh"}
REGISTER = "Energy.Active.Import.Register"
BASE_UNITS = {"Energy": "Wh", "Power": "W", "Current": "A", "Voltage": "V", "SoC": "Percent", "Temperature": "Celsius"}

# Some write the first or the last instant that there is for a time that they do not know, or for never. The database's driver takes
# those two for infinity where it writes them itself, and within a day of them no time can be told in every zone. A day further
# inside a time is stored, read and shown the same on every path; nobody believes it either (`effective_time`).
EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def read_time(text: str, member: str) -> datetime:
    """Return a time as `in_calendar` has it; a Refusal names the member of what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("TypeConstraintViolation", f"{member}: {text!r:.40} is not a time") from None
    if moment.tzinfo is UTC and EARLIEST <= moment <= LATEST:  # as nearly all are; converting costs more than reading
        return moment
    return in_calendar(moment)


def in_calendar(moment: datetime) -> datetime:
    """Return a time in UTC, from EARLIEST to LATEST; one without a zone is taken as UTC, as those who write such mean it."""
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == MINYEAR else LATEST
    return min(max(moment, EARLIEST), LATEST)


def read_integer(number: int, member: str) -> int:
    """Return an integer of OCPP, which has 32 bits."""
    if not -(2**31) <= number < 2**31:
        raise Refusal("PropertyConstraintViolation", f"{member}: not an integer of 32 bits")
    return number


def read_place(payload: dict[str, Any], member: str) -> int:
    """Return the number of an EVSE or connector, which the schemas let be negative."""
    number = read_integer(payload[member], member)
    if number < 0:
        raise Refusal("PropertyConstraintViolation", f"{member}: {number} is less than 0")
    return number


Value = tuple[MeterKind, float]
"""A measured value in its base unit."""


def read_value(sample: dict[str, Any]) -> Value | None:
    """Return a sampled value of 1.6 or 2.x, or None where it is no finite number (signed data is kept in the frame)."""
    try:
        number = float(sample["value"])
    except ValueError:
        return None
    get = sample.get
    described = get("unitOfMeasure")
    if described:
        unit, multiplier = described.get("unit") or get("unit"), described.get("multiplier", 0)
    else:
        unit, multiplier = get("unit"), 0
    kind, factor = _kind(
        get("measurand", REGISTER),
        get("phase", ""),
        get("location", "Outlet"),
        get("context", "Sample.Periodic"),
        unit,
        multiplier,
    )
    number *= factor
    return (kind, number) if isfinite(number) else None


@lru_cache(maxsize=4096)  # a county has a few dozen kinds, and every MeterValues is made of them
def _kind(
    measurand: str, phase: str, location: str, context: str, unit: str | None, multiplier: int
) -> tuple[MeterKind, float]:
    """Return the kind in its base unit, and by what a number is multiplied to be in it."""
    unit = unit or BASE_UNITS.get(measurand.split(".", 1)[0], "")
    base = THOUSANDS.get(unit)
    factor = float(f"1e{multiplier}") * (1000 if base else 1)  # out of all measure it is infinite, and no error
    return MeterKind(measurand, phase, location, context, base or unit), factor


def read_register(samples: Iterable[MeterSampled]) -> tuple[Reading, Reading] | None:
    """Return the first and the last reading of the whole energy register at the outlet, no single phase, if there is one.

    What is said to be of the begin or the end of a transaction is that, whatever else was read at the time.
    """
    found = [s for s in samples if s.kind[:3] == (REGISTER, "", "Outlet") and s.kind.unit == "Wh"]
    if not found:
        return None
    first = min(found, key=lambda s: (s.kind.context != "Transaction.Begin", s.occurred_at))
    last = max(found, key=lambda s: (s.kind.context == "Transaction.End", s.occurred_at))
    return Reading(first.occurred_at, first.value), Reading(last.occurred_at, last.value)
