"""The schema of the inspection service, and the tables of sites as the registry told it."""

from datetime import date, datetime

from sqlalchemy import ARRAY, Boolean, Column, MetaData, Text
from sqlmodel import Field, SQLModel

from youguan.tables import moment, text, whole

METADATA = MetaData(schema="inspection")


class Table(SQLModel):
    """What the inspection service's tables share: one schema."""

    metadata = METADATA


class Site(Table, table=True):
    """A site, as the registry told it."""

    __tablename__ = "site"
    id: str = text(key=True)
    name: str = text()
    address: str = text()
    division_code: str | None = text(optional=True)
    division_name: str | None = text(optional=True)
    longitude: float
    latitude: float
    construction: str | None = text(optional=True)
    retired: bool = Field(sa_column=Column(Boolean, nullable=False, server_default="false"))
    grace_since: date | None
    grace_until: date | None
    filed_at: datetime | None = moment(optional=True)
    retired_at: datetime | None = moment(optional=True)


class Organisation(Table, table=True):
    """What a decision names of an organisation, as the registry told it."""

    __tablename__ = "organisation"
    id: str = text(key=True)
    address: str = text()
    uscc: str | None = text(optional=True)
    representative: str | None = text(optional=True)


class Official(Table, table=True):
    """Who works for the county, as the registry told it; `level`: up to which a reviewer reviews."""

    __tablename__ = "official"
    username: str = text(key=True)
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    division: str | None = text(optional=True)
    level: int | None = whole(optional=True)


class Responsibility(Table, table=True):
    """A line of a site's ledger, as the registry believes it now."""

    __tablename__ = "responsibility"
    site_id: str = text(key=True)
    place: int = whole(key=True)
    station_id: str | None = text(optional=True)
    role: str = text()
    organisation_id: str = text()
    organisation_name: str = text()
    since: datetime = moment()
    until: datetime | None = moment(optional=True)
