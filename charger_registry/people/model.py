"""The tables of people and organisations, beside `Person` and `Organisation`."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from charger_registry.model import Table
from youguan.tables import big, moment, text


class Team(Table, table=True):
    """Inspectors who share a district (片区): a set of divisions, each a code's beginning."""

    __tablename__ = "team"
    id: str = text(key=True)
    name: str = text()
    divisions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))


class PasswordLink(Table, table=True):
    """A link with which somebody sets his own password, once; kept as a hash."""

    __tablename__ = "password_link"
    digest: str = text(key=True)
    username: str = text()
    made_by: str = text()
    made_at: datetime = moment()
    until: datetime = moment()
    used_at: datetime | None = moment(optional=True)


class Session(Table, table=True):
    """A login: from where, with what, and until when its token holds."""

    __tablename__ = "session"
    token_id: str = text(key=True)
    username: str = text()
    acting_for: str | None = text(optional=True)
    began_at: datetime = moment()
    expires_at: datetime = moment()
    remote: str = text()
    browser: str = text()
    ended_at: datetime | None = moment(optional=True)


class Representative(Table, table=True):
    """Somebody who may speak for an organisation, and on what evidence a regulator has found so; `username`: his account."""

    __tablename__ = "representative"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    organisation_id: str = text()
    name: str = text()
    phone: str | None = text(optional=True)
    kind: str = text()
    evidence_kind: str = text()
    evidence_number: str = text()
    valid_until: date | None
    verified_by: str = text()
    verified_at: datetime = moment()
    ended_at: datetime | None = moment(optional=True)
    ended_by: str | None = text(optional=True)
    ended_reason: str | None = text(optional=True)
    username: str | None = text(optional=True)


class MachineKey(Table, table=True):
    """A key of a machine client as a hash: its role and bounds, what it is for, when it was used last."""

    __tablename__ = "machine_key"
    id: str = text(key=True)
    name: str = text()
    digest: str = text(unique=True)
    role: str = text()
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    organisation_id: str | None = text(optional=True)
    division: str | None = text(optional=True)
    expires_at: datetime = moment()
    issued_by: str = text()
    issued_at: datetime = moment()
    reason: str = text()
    last_used_at: datetime | None = moment(optional=True)
    revoked_by: str | None = text(optional=True)
    revoked_at: datetime | None = moment(optional=True)
    revoked_reason: str | None = text(optional=True)


class SecondFactor(Table, table=True):
    """A second factor (RFC 6238): its secret sealed, the last step used, and what is kept of the recovery codes."""

    __tablename__ = "second_factor"
    username: str = text(key=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    confirmed_at: datetime | None = moment(optional=True)
    last_step: int = big(server_default="0")
    recovery: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))


class Delegation(Table, table=True):
    """`receiver` may act for `giver` from `since` until `until`, unless one of them has ended it."""

    __tablename__ = "delegation"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    giver: str = text()
    receiver: str = text()
    since: datetime = moment()
    until: datetime = moment()
    reason: str = text()
    ended_at: datetime | None = moment(optional=True)
    ended_by: str | None = text(optional=True)


class Identity(Table, table=True):
    """Whom somebody is at a login provider."""

    __tablename__ = "identity"
    provider: str = text(key=True)
    subject: str = text(key=True)
    username: str = text()
    linked_at: datetime = moment()


class TakenCode(Table, table=True):
    """A code that an upgrade took from an organisation, as `kept_by` bears it too. `kind`: operator_code or ocpi_party."""

    __tablename__ = "taken_code"
    organisation_id: str = text(key=True)
    kind: str = text(key=True)
    code: str = text()
    kept_by: str = text()
    taken_at: datetime = moment()
