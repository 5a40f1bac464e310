"""The tables of what stands at a site."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, text
from sqlmodel import Field

from charger_registry.model import Table
from youguan import tables


class Evse(Table, table=True):
    """A part of a station that serves one vehicle at a time; `evse_id` is what OCPI and eMI3 name it by."""

    __tablename__ = "evse"
    station_id: str = tables.text(key=True)
    evse: int = tables.whole(key=True)
    evse_id: str | None = tables.text(optional=True)
    bay: str | None = tables.text(optional=True)


class Connector(Table, table=True):
    """A plug or socket by our number; `type` is a code of `connector_types`, `power_w` null: no less than the station's."""

    __tablename__ = "connector"
    station_id: str = tables.text(key=True)
    connector: int = tables.whole(key=True)
    evse: int = tables.whole()
    name: str | None = tables.text(optional=True)
    type: str | None = tables.text(optional=True)
    format: str | None = tables.text(optional=True)
    current_type: str | None = tables.text(optional=True)
    power_w: int | None = tables.whole(optional=True)
    voltage_v: int | None = tables.whole(optional=True)
    current_a: int | None = tables.whole(optional=True)
    national_standard: int | None = tables.whole(optional=True)
    cec_connector_id: str | None = tables.text(optional=True)
    ocpi_connector_id: str | None = tables.text(optional=True)
    updated_at: datetime = tables.moment(server_default=text("now()"))


class Meter(Table, table=True):
    """A meter that fees are reckoned by; verification is due by law. `connector` 0: the station's only one."""

    __tablename__ = "meter"
    station_id: str = tables.text(key=True)
    connector: int = tables.whole(key=True, server_default=text("0"))
    serial_number: str | None = tables.text(optional=True)
    certificate_number: str | None = tables.text(optional=True)
    verified_on: date | None
    verification_due_on: date | None
    updated_at: datetime = tables.moment(server_default=text("now()"))


class MeterNotice(Table, table=True):
    """That a meter's verification is due was told; `overdue`: that it has run out."""

    __tablename__ = "meter_notice"
    station_id: str = tables.text(key=True)
    connector: int = tables.whole(key=True)
    site_id: str = tables.text()
    overdue: bool


class PricePosting(Table, table=True):
    """The fees that the public is shown, from when until when; `station_id` '' means the whole site.

    `bands`: `[{"begin": "HH:MM", "end": "HH:MM", "energy_per_kwh": "0.6500", "service_per_kwh": "0.3000"}]`, in `currency`.
    """

    __tablename__ = "price_posting"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    site_id: str = tables.text()
    station_id: str = tables.text(server_default=text("''"))
    currency: str = tables.text()
    bands: Any = tables.document()
    energy_text: str | None = tables.text(optional=True)
    service_text: str | None = tables.text(optional=True)
    parking_text: str | None = tables.text(optional=True)
    idle_text: str | None = tables.text(optional=True)
    valid_from: datetime = tables.moment()
    valid_until: datetime | None = tables.moment(optional=True)
    posted_at: datetime = tables.moment()
    posted_by: str = tables.text()


class Source(Table, table=True):
    """Who or what gave us fields: an import, a person, a filing, the sample."""

    __tablename__ = "source"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    kind: str = tables.text()
    name: str = tables.text()
    actor: str | None = tables.text(optional=True)
    at: datetime = tables.moment()


class Provenance(Table, table=True):
    """Which source gave each field its present value: `fields` is field → source.

    The subject of a connector, EVSE or meter is `station/number`.
    """

    __tablename__ = "provenance"
    kind: str = tables.text(key=True)
    subject: str = tables.text(key=True)
    fields: Any = tables.document()


class SitePhoto(Table, table=True):
    """A photo of a site for the public; one that was taken down stays on record."""

    __tablename__ = "site_photo"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    site_id: str = tables.text()
    caption: str = tables.text()
    sha256: str = tables.text()
    size_bytes: int = tables.big()
    media_type: str = tables.text()
    name: str = tables.text()
    added_at: datetime = tables.moment()
    added_by: str = tables.text()
    removed_at: datetime | None = tables.moment(optional=True)
    removed_by: str | None = tables.text(optional=True)
