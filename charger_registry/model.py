"""The registry's tables."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE
from sqlmodel import Field, SQLModel

METADATA = MetaData(schema="registry")
EVER = "tstzrange(now(), NULL)"


class Table(SQLModel):
    """What the registry's tables share: one schema."""

    metadata = METADATA


def moment(**options: Any) -> Any:
    """Return the column of a point in time."""
    return Column(DateTime(timezone=True), **options)


class Organisation(Table, table=True):
    """A legal body; `uscc` is its unified social credit code, `deregistered_at` when it ceased to be, which was known since
    `deregistration_known_at`; `accounts_closed_at`: when the accounts of its people were closed for that, once."""

    __tablename__ = "organisation"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    uscc: str | None = Field(sa_column=Column(Text, unique=True))
    phone: str | None = Field(sa_column=Column(Text))
    address: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=text("''")))
    deregistered_at: datetime | None = Field(sa_column=moment())
    deregistration_known_at: datetime | None = Field(sa_column=moment())
    accounts_closed_at: datetime | None = Field(sa_column=moment())
    generated: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    operator_code: str | None = Field(sa_column=Column(Text))
    ocpi_country_code: str | None = Field(sa_column=Column(Text))
    ocpi_party_id: str | None = Field(sa_column=Column(Text))


class UndoneDeregistration(Table, table=True):
    """An end of an organisation that was `believed` for a time and was none; who has undone it, why and on what document."""

    __tablename__ = "undone_deregistration"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    deregistered_at: datetime = Field(sa_column=moment(nullable=False))
    believed: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    undone_by: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    document_number: str = Field(sa_column=Column(Text, nullable=False))


class Site(Table, table=True):
    """A place with chargers; the point is WGS-84, what was given stands beside it with its reference system.

    `position` says whether the point was held against the boundary of the division (`verified`); `operator_code` and
    `cec_station_id` are T/CEC 102's OperatorID and StationID, text with its leading zeros.
    """

    __tablename__ = "site"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    address: str = Field(sa_column=Column(Text, nullable=False))
    division_code: str | None = Field(sa_column=Column(Text))
    longitude: float
    latitude: float
    given_longitude: float
    given_latitude: float
    given_crs: str = Field(sa_column=Column(Text, nullable=False))
    generated: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    filed_at: datetime = Field(sa_column=moment(nullable=False))
    retired_at: datetime | None = Field(sa_column=moment())
    unmanaged_reason: str | None = Field(sa_column=Column(Text))
    unmanaged_since: datetime | None = Field(sa_column=moment())
    merged_into: str | None = Field(sa_column=Column(Text))
    position: str = Field(sa_column=Column(Text, nullable=False, server_default=text("'unverified'")))
    usage: str | None = Field(sa_column=Column(Text))
    construction: str | None = Field(sa_column=Column(Text))
    bays: int | None
    accessible_bays: int | None
    opening_hours: Any = Field(sa_column=Column(JSONB))
    help_phone: str | None = Field(sa_column=Column(Text))
    site_phone: str | None = Field(sa_column=Column(Text))
    parking: str | None = Field(sa_column=Column(Text))
    parking_rules: str | None = Field(sa_column=Column(Text))
    guide: str | None = Field(sa_column=Column(Text))
    renewable: bool | None
    operator_code: str | None = Field(sa_column=Column(Text))
    cec_station_id: str | None = Field(sa_column=Column(Text))
    ocpi_country_code: str | None = Field(sa_column=Column(Text))
    ocpi_party_id: str | None = Field(sa_column=Column(Text))
    ocpi_location_id: str | None = Field(sa_column=Column(Text))
    updated_at: datetime = Field(sa_column=moment(nullable=False, server_default=text("now()")))


class Station(Table, table=True):
    """A charging station; its id is its OCPP identity, `connectors` how many it has."""

    __tablename__ = "station"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False, index=True))
    connectors: int
    power_w: int
    current_type: str = Field(sa_column=Column(Text, nullable=False))
    retired_at: datetime | None = Field(sa_column=moment())
    name: str | None = Field(sa_column=Column(Text))
    vendor: str | None = Field(sa_column=Column(Text))
    model: str | None = Field(sa_column=Column(Text))
    serial_number: str | None = Field(sa_column=Column(Text))
    manufacturer_code: str | None = Field(sa_column=Column(Text))
    made_on: date | None
    cec_equipment_id: str | None = Field(sa_column=Column(Text))
    updated_at: datetime = Field(sa_column=moment(nullable=False, server_default=text("now()")))


class Responsibility(Table, table=True):
    """Who had which role, when (`during`), as it was believed (`believed`). `station_id` '' means the whole site.

    `evidence` is the note on a document of some kind and number; who let it be believed and why, and believed no longer.
    """

    __tablename__ = "responsibility"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    station_id: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=text("''")))
    role: str = Field(sa_column=Column(Text, nullable=False))
    organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    during: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    believed: Any = Field(sa_column=Column(TSTZRANGE, nullable=False, server_default=text(EVER)))
    origin: str = Field(sa_column=Column(Text, nullable=False))
    evidence_kind: str = Field(default="other", sa_column=Column(Text, nullable=False, server_default="other"))
    evidence_number: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    evidence: str = Field(sa_column=Column(Text, nullable=False))
    recorded_by: str = Field(default="import", sa_column=Column(Text, nullable=False, server_default="import"))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    withdrawn_by: str | None = Field(sa_column=Column(Text))
    withdrawn_reason: str | None = Field(sa_column=Column(Text))


class LedgerThreshold(Table, table=True):
    """A number by which the ledger's rules decide."""

    __tablename__ = "ledger_threshold"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: int


class Accountability(Table, table=True):
    """In which order of roles somebody is accountable for a site that nobody manages."""

    __tablename__ = "accountability"
    place: int = Field(sa_column=Column(Integer, primary_key=True))
    role: str = Field(sa_column=Column(Text, nullable=False))


class AskedTask(Table, table=True):
    """A task about a site, as the inspection service told it: whom it asked, and whether that one has answered."""

    __tablename__ = "asked_task"
    task_id: str = Field(sa_column=Column(Text, primary_key=True))
    number: str = Field(sa_column=Column(Text, nullable=False))
    cause: str = Field(sa_column=Column(Text, nullable=False))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    assignee_id: str = Field(sa_column=Column(Text, nullable=False))
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    due_on: date | None
    answered_at: datetime | None = Field(sa_column=moment())
    closed_at: datetime | None = Field(sa_column=moment())


class ContactNote(Table, table=True):
    """Somebody's word that the manager of a site answers."""

    __tablename__ = "contact_note"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=moment(nullable=False))
    noted_by: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))


class Finding(Table, table=True):
    """That nobody manages a site: why, since when, who managed last, who is accountable meanwhile ('': nobody), until when."""

    __tablename__ = "finding"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = Field(sa_column=moment(nullable=False))
    organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    accountable_id: str = Field(sa_column=Column(Text, nullable=False))
    accountable_role: str = Field(sa_column=Column(Text, nullable=False))
    found_at: datetime = Field(sa_column=moment(nullable=False))
    ended_at: datetime | None = Field(sa_column=moment())
    ended_because: str | None = Field(sa_column=Column(Text))


class Handover(Table, table=True):
    """Who is to manage a site (`station_id` '': all of it) in whose place ('': nobody's), and what became of that."""

    __tablename__ = "handover"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    station_id: str = Field(sa_column=Column(Text, nullable=False))
    from_organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    to_organisation_id: str = Field(sa_column=Column(Text, nullable=False))
    proposer_id: str = Field(sa_column=Column(Text, nullable=False))
    proposed_by: str = Field(sa_column=Column(Text, nullable=False))
    proposed_at: datetime = Field(sa_column=moment(nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    evidence_kind: str = Field(sa_column=Column(Text, nullable=False))
    evidence_number: str = Field(sa_column=Column(Text, nullable=False))
    evidence: str = Field(sa_column=Column(Text, nullable=False))
    takes_over_at: datetime | None = Field(sa_column=moment())
    answer_by: date
    state: str = Field(sa_column=Column(Text, nullable=False))
    ended_at: datetime | None = Field(sa_column=moment())
    ended_by: str | None = Field(sa_column=Column(Text))
    answer: str | None = Field(sa_column=Column(Text))
    until: datetime | None = Field(sa_column=moment())
    urged_at: datetime | None = Field(sa_column=moment())


class Representation(Table, table=True):
    """Whether a command about handovers needs a representative whom a regulator has verified."""

    __tablename__ = "representation"
    command: str = Field(sa_column=Column(Text, primary_key=True))
    needed: bool


class Person(Table, table=True):
    """Somebody who logs in; without a password hash he has set no password yet.

    `closed_with_organisation`: his account was closed since his organisation is no more, not for himself."""

    __tablename__ = "person"
    username: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    password_hash: str | None = Field(sa_column=Column(Text))
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    organisation_id: str | None = Field(sa_column=Column(Text))
    division: str | None = Field(sa_column=Column(Text))
    active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    demo: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    team_id: str | None = Field(sa_column=Column(Text))
    level: int | None
    administrator: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    closed_with_organisation: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class ImportRun(Table, table=True):
    """One import: from where, how many, and the fingerprint by which the same input is recognised."""

    __tablename__ = "import_run"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    source: str = Field(sa_column=Column(Text, nullable=False))
    fingerprint: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=moment(nullable=False))
    added: int
    changed: int
    unchanged: int
    refused: int


class LiveStation(Table, table=True):
    """Whether a station is online, as the gateway told it."""

    __tablename__ = "live_station"
    station_id: str = Field(sa_column=Column(Text, primary_key=True))
    state: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = Field(sa_column=moment(nullable=False))


class LiveConnector(Table, table=True):
    """What a connector said last."""

    __tablename__ = "live_connector"
    station_id: str = Field(sa_column=Column(Text, primary_key=True))
    connector: int = Field(sa_column=Column(Integer, primary_key=True))
    condition: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = Field(sa_column=moment(nullable=False))


class LiveSite(Table, table=True):
    """How many connectors of a site are in which condition; `version` rises with every change."""

    __tablename__ = "live_site"
    site_id: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    available: int
    in_use: int
    faulted: int
    unavailable: int
    unknown: int
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class LiveMatter(Table, table=True):
    """An alert or a task that is open."""

    __tablename__ = "live_matter"
    kind: str = Field(sa_column=Column(Text, primary_key=True))
    id: str = Field(sa_column=Column(Text, primary_key=True))
    rule: str = Field(sa_column=Column(Text, nullable=False))
    site_id: str | None = Field(sa_column=Column(Text))
    station_id: str | None = Field(sa_column=Column(Text))
    since: datetime = Field(sa_column=moment(nullable=False))
    due_on: date | None


class StationCredential(Table, table=True):
    """A station's key as a keyed hash; `accepted` False: offered to the station, which has not said yes."""

    __tablename__ = "station_credential"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    station_id: str = Field(sa_column=Column(Text, nullable=False))
    digest: str = Field(sa_column=Column(Text, nullable=False))
    origin: str = Field(sa_column=Column(Text, nullable=False))
    accepted: bool
    issued_at: datetime = Field(sa_column=moment(nullable=False))
    issued_by: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    until: datetime | None = Field(sa_column=moment())
    ended_by: str | None = Field(sa_column=Column(Text))
    first_used_at: datetime | None = Field(sa_column=moment())


class UnfiledStation(Table, table=True):
    """A station that asked to be accepted and that no site lists, as the gateway told it; and who decided against it."""

    __tablename__ = "unfiled_station"
    station_id: str = Field(sa_column=Column(Text, primary_key=True))
    remote: str = Field(sa_column=Column(Text, nullable=False))
    ocpp_version: str = Field(sa_column=Column(Text, nullable=False))
    vendor: str | None = Field(sa_column=Column(Text))
    model: str | None = Field(sa_column=Column(Text))
    first_seen_at: datetime = Field(sa_column=moment(nullable=False))
    rejected_at: datetime | None = Field(sa_column=moment())
    rejected_by: str | None = Field(sa_column=Column(Text))
    rejected_reason: str | None = Field(sa_column=Column(Text))
