"""What the services' `model.py` declare their tables with: SQLModel classes, columns spelled as PostgreSQL has them."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field


def text(*, key: bool = False, optional: bool = False, **options: Any) -> Any:
    """Return a text column."""
    return Field(sa_column=Column(Text, primary_key=key, nullable=optional, **options))


def moment(*, key: bool = False, optional: bool = False, **options: Any) -> Any:
    """Return a point in time, aware."""
    return Field(sa_column=Column(DateTime(timezone=True), primary_key=key, nullable=optional, **options))


def whole(*, key: bool = False, optional: bool = False, **options: Any) -> Any:
    """Return an integer column."""
    return Field(sa_column=Column(Integer, primary_key=key, nullable=optional, **options))


def big(*, key: bool = False, optional: bool = False, **options: Any) -> Any:
    """Return a bigint column."""
    return Field(sa_column=Column(BigInteger, primary_key=key, nullable=optional, **options))


def document(*, optional: bool = False, **options: Any) -> Any:
    """Return a jsonb column."""
    return Field(sa_column=Column(JSONB, nullable=optional, **options))
