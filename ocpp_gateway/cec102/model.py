"""The tables of operators' platforms."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field

from ocpp_gateway.model import NOW, Table
from youguan.tables import big, document, moment, text, whole


class ConnectorCode(Table, table=True):
    """A connector of ours by its T/CEC 102 codes, as the registry told it."""

    __tablename__ = "connector_code"
    __table_args__ = NOW
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    site_id: str = text()
    operator_code: str = text()
    cec_station_id: str | None = text(optional=True)
    cec_equipment_id: str | None = text(optional=True)
    cec_connector_id: str = text()
    confirmed_at: datetime | None = moment(optional=True)


class Organisation(Table, table=True):
    """Who may own a platform, as the registry told it."""

    __tablename__ = "organisation"
    __table_args__ = NOW
    organisation_id: str = text(key=True)
    name: str = text()
    uscc: str | None = text(optional=True)


class Platform(Table, table=True):
    """A platform and how it is spoken with; `role` operator: it reports to us; province: we report to it.

    `address` None: we never call it. `our_operator_id`: as whom it knows us.
    """

    __tablename__ = "platform"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    name: str = text()
    organisation_id: str | None = text(optional=True)
    role: str = text()
    profile: str = text()
    enabled: bool
    address: str | None = text(optional=True)
    our_operator_id: str | None = text(optional=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: datetime = moment()
    changed_by: str = text()


class PlatformNow(Table, table=True):
    """The latest of a platform."""

    __tablename__ = "platform_now"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    last_heard_at: datetime | None = moment(optional=True)
    last_pulled_at: datetime | None = moment(optional=True)
    pull_error: str | None = text(optional=True)
    silent_since: datetime | None = moment(optional=True)
    files_asked_at: datetime | None = moment(optional=True)
    stats_asked_of: date | None = None
    told_in_vain: int = whole()
    tell_again_at: datetime | None = moment(optional=True)
    deaf_since: datetime | None = moment(optional=True)
    last_taken_at: datetime | None = moment(optional=True)
    untold_since: datetime | None = moment(optional=True)


class PlatformTraffic(Table, table=True):
    """What a platform sent in an hour: messages, and their items by what became of them."""

    __tablename__ = "platform_traffic"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    message: str = text(key=True)
    hour: datetime = moment(key=True)
    messages: int = big()
    taken: int = big()
    ignored: int = big()
    refused: int = big()
    last_at: datetime = moment()


class PlatformEnvelope(Table, table=True):
    """An envelope that was taken: it is taken once."""

    __tablename__ = "platform_envelope"
    __table_args__ = NOW
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    operator_id: str = text()
    received_at: datetime = moment()


class PlatformStation(Table, table=True):
    """A site as its platform files it."""

    __tablename__ = "platform_station"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    cec_station_id: str = text(key=True)
    name: str | None = text(optional=True)
    longitude: float | None
    latitude: float | None
    operating: int | None = whole(optional=True)
    connectors: list[Any] = document()
    document: dict[str, Any] = document()
    received_at: datetime = moment()


class FiledSite(Table, table=True):
    """A site's whole file, as the registry told it; one that is no more keeps its last."""

    __tablename__ = "filed_site"
    __table_args__ = NOW
    site_id: str = text(key=True)
    operator_code: str | None = text(optional=True)
    cec_station_id: str | None = text(optional=True)
    file: dict[str, Any] = document()
    retired: bool
    changed_at: datetime = moment()


class ToldSite(Table, table=True):
    """A site's file as the reporting to provinces has taken it in last: what it was known as when it changes."""

    __tablename__ = "told_site"
    __table_args__ = NOW
    site_id: str = text(key=True)
    operator_code: str | None = text(optional=True)
    file: dict[str, Any] = document()


class PlatformOperator(Table, table=True):
    """An operator as its platform files it."""

    __tablename__ = "platform_operator"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    name: str | None = text(optional=True)
    uscc: str | None = text(optional=True)
    document: dict[str, Any] = document()
    received_at: datetime = moment()


class PlatformStats(Table, table=True):
    """What a site delivered on a day of the county, as its platform reckons it."""

    __tablename__ = "platform_stats"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    cec_station_id: str = text(key=True)
    day: date = Field(primary_key=True)
    energy_wh: float
    document: dict[str, Any] = document()
    received_at: datetime = moment()


class PlatformOrder(Table, table=True):
    """An order as its platform told it last; `state` says whether it became a transaction, or why it did not."""

    __tablename__ = "platform_order"
    __table_args__ = NOW
    operator_id: str = text(key=True)
    order_no: str = text(key=True)
    connector_id: str = text()
    station_id: str | None = text(optional=True)
    connector: int | None = whole(optional=True)
    state: str = text()
    started_at: datetime = moment()
    ended_at: datetime = moment()
    energy_wh: float
    document: dict[str, Any] = document()
    first_received_at: datetime = moment()
    received_at: datetime = moment()


class UpwardReport(Table, table=True):
    """Something that a province is to be told, or was; withheld: it cannot be told as it is, `error` says why."""

    __tablename__ = "upward_report"
    __table_args__ = NOW
    id: int = big(key=True)
    operator_id: str = text()
    kind: str = text()
    subject: str = text()
    content: dict[str, Any] = document()
    made_at: datetime = moment()
    state: str = text()
    tries: int = whole()
    due_at: datetime = moment()
    ended_at: datetime | None = moment(optional=True)
    error: str | None = text(optional=True)
    stumbles: int = whole()
