"""The tables of relayed sites."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field

from charger_registry.model import Table, moment


class Relay(Table, table=True):
    """A decision about a site; the last one holds. `upstream_url` None: not relayed."""

    __tablename__ = "relay"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    upstream_url: str | None = Field(sa_column=Column(Text))
    admission: str = Field(sa_column=Column(Text, nullable=False))
    may_send: bool
    authority: str | None = Field(sa_column=Column(Text))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    decided_by: str = Field(sa_column=Column(Text, nullable=False))
    decided_at: datetime = Field(sa_column=moment(nullable=False))


class RelayProposal(Table, table=True):
    """What the manager of a site proposed, and what became of it."""

    __tablename__ = "relay_proposal"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    site_id: str = Field(sa_column=Column(Text, nullable=False))
    upstream_url: str | None = Field(sa_column=Column(Text))
    authority: str | None = Field(sa_column=Column(Text))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    organisation_id: str | None = Field(sa_column=Column(Text))
    proposed_by: str = Field(sa_column=Column(Text, nullable=False))
    proposed_at: datetime = Field(sa_column=moment(nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    decided_by: str | None = Field(sa_column=Column(Text))
    decided_at: datetime | None = Field(sa_column=moment())
    decision_reason: str | None = Field(sa_column=Column(Text))
