"""What a person writes into a station's file: its plate, connectors, EVSEs and meters; what is wrong is named by field. Pure."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from charger_registry.drafts import ConnectorDraft, MeterDraft, StationDraft
from charger_registry.equipment.connector_types import TYPES
from youguan.errors import FieldError, Invalid, Reason

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Code = Annotated[str, StringConstraints(strip_whitespace=True, max_length=48, pattern=r"^[0-9A-Za-z*._\-]+$")]
Current = Literal["AC", "DC"]
Watts = Annotated[int, Field(ge=100, le=10_000_000)]
MOST_CONNECTORS = 100


class ConnectorIn(BaseModel):
    """A connector by our number, and the EVSE that it belongs to."""

    model_config = ConfigDict(extra="forbid")

    connector: int = Field(ge=1, le=9999)
    evse: int = Field(ge=1, le=999)
    name: Text | None = None
    type: str | None = None
    format: Literal["SOCKET", "CABLE"] | None = None
    current_type: Current | None = None
    power_w: Watts | None = None
    voltage_v: int | None = Field(default=None, ge=1, le=2000)
    current_a: int | None = Field(default=None, ge=1, le=5000)
    national_standard: int | None = Field(default=None, ge=1, le=9999)
    cec_connector_id: Code | None = None
    ocpi_connector_id: Code | None = None
    evse_id: Code | None = None
    bay: Text | None = None


class MeterIn(BaseModel):
    """The meter of the station (`connector` 0), or of one of its connectors."""

    model_config = ConfigDict(extra="forbid")

    connector: int = Field(default=0, ge=0, le=9999)
    serial_number: Text | None = None
    certificate_number: Text | None = None
    verified_on: date | None = None
    verification_due_on: date | None = None


class StationFileIn(BaseModel):
    """The whole file of a station: what is not said is not known."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    power_w: Watts
    current_type: Current
    vendor: Text | None = None
    model: Text | None = None
    serial_number: Text | None = None
    manufacturer_code: Code | None = None
    made_on: date | None = None
    cec_equipment_id: Code | None = None
    connectors: list[ConnectorIn] = Field(min_length=1, max_length=MOST_CONNECTORS)
    meters: list[MeterIn] = Field(default_factory=list, max_length=MOST_CONNECTORS + 1)


def station_draft(station_id: str, file: StationFileIn) -> StationDraft:
    """Return what is to be filed; Invalid names every field that does not go with another."""
    if wrong := list(_wrong(file)):
        raise Invalid.of(*wrong)
    return StationDraft(
        id=station_id,
        connectors=len(file.connectors),
        connector_files=tuple(ConnectorDraft(**connector.model_dump()) for connector in file.connectors),
        meters=tuple(MeterDraft(**meter.model_dump()) for meter in file.meters),
        **file.model_dump(exclude={"connectors", "meters"}),
    )


def _wrong(file: StationFileIn) -> Iterator[FieldError]:
    numbers: set[int] = set()
    evses: dict[str, int] = {}
    for place, connector in enumerate(file.connectors):
        at = f"connectors[{place}]"
        if connector.connector in numbers:
            yield FieldError(f"{at}.connector", Reason("is here twice"))
        if connector.type is not None and connector.type not in TYPES:
            yield FieldError(f"{at}.type", Reason("is no kind of connector that we know"))
        if connector.evse_id and evses.setdefault(connector.evse_id, connector.evse) != connector.evse:
            yield FieldError(f"{at}.evse_id", Reason("is another EVSE's"))
        numbers.add(connector.connector)
    yield from _wrong_meters(file, numbers)


def _wrong_meters(file: StationFileIn, numbers: set[int]) -> Iterator[FieldError]:
    metered: set[int] = set()
    for place, meter in enumerate(file.meters):
        at = f"meters[{place}]"
        if meter.connector in metered:
            yield FieldError(f"{at}.connector", Reason("is here twice"))
        if meter.connector and meter.connector not in numbers:
            yield FieldError(f"{at}.connector", Reason("is no connector of this station"))
        if meter.verified_on and meter.verification_due_on and meter.verification_due_on <= meter.verified_on:
            yield FieldError(f"{at}.verification_due_on", Reason("must lie after the day of verification"))
        metered.add(meter.connector)
