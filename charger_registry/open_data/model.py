"""Tables of the open data: what is published of sites and of what stands there, and who reads it over OCPI."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from charger_registry.model import Table
from youguan.tables import big, moment, text, whole
from youguan.tables import document as json


class PublishedSite(Table, table=True):
    """What is published of a site; `number` never changes and sorts the oldest first, `version` rises with every change,
    `evses` counts those that are not removed, `kinds` are theirs: `[{"type", "current_type", "power_w"}]`.
    """

    __tablename__ = "published_site"
    site_id: str = text(key=True)
    number: int = big(unique=True)
    location_id: str = text()
    document: Any = json()
    evses: int = whole(server_default="0")
    kinds: Any = json(server_default="[]")
    version: int = big()
    updated_at: datetime = moment()
    retired_at: datetime | None = moment(optional=True)


class PublishedEvse(Table, table=True):
    """What is published of an EVSE; `numbers` are those of its connectors within the station."""

    __tablename__ = "published_evse"
    site_id: str = text(key=True)
    station_id: str = text(key=True)
    evse: int = whole(key=True)
    uid: str = text()
    document: Any = json()
    numbers: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    condition: str = text()
    since: datetime | None = moment(optional=True)
    updated_at: datetime = moment()
    removed_at: datetime | None = moment(optional=True)


class PublishedPrice(Table, table=True):
    """A price that is or was published, by the posting that it comes from."""

    __tablename__ = "published_price"
    posting_id: int = big(key=True, autoincrement=False)
    site_id: str = text()
    document: Any = json()
    updated_at: datetime = moment()
    ended_at: datetime | None = moment(optional=True)


class OcpiToken(Table, table=True):
    """A credentials token as its hash. `purpose`: it reads (access), or only leads to another one (registration)."""

    __tablename__ = "ocpi_token"
    id: int | None = big(key=True, autoincrement=True)
    party: str = text()
    country_code: str | None = text(optional=True)
    party_id: str | None = text(optional=True)
    digest: str = text(unique=True)
    purpose: str = text()
    registered: bool
    issued_at: datetime = moment()
    issued_by: str = text()
    reason: str = text()
    used_at: datetime | None = moment(optional=True)
    ended_at: datetime | None = moment(optional=True)
    ended_by: str | None = text(optional=True)
