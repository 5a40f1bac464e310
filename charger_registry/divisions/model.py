"""The tables of divisions."""

from datetime import datetime
from typing import Any

from charger_registry.model import Table
from youguan import tables


class Division(Table, table=True):
    """A street, town or township, a county or what lies above; the point is where a map writes its name."""

    __tablename__ = "division"
    code: str = tables.text(key=True)
    name: str = tables.text()
    name_en: str = tables.text()
    longitude: float | None
    latitude: float | None


class Boundary(Table, table=True):
    """The outline of a division as GeoJSON, WGS-84."""

    __tablename__ = "boundary"
    division_code: str = tables.text(key=True)
    name: str | None = tables.text(optional=True)
    geometry: Any = tables.document()
    loaded_at: datetime = tables.moment()
    loaded_by: str = tables.text()


class SiteOutside(Table, table=True):
    """A site that lay outside of its division's boundary when that was loaded: what it declared, where, and how far outside.

    It holds as long as the site declares the same.
    """

    __tablename__ = "site_outside"
    site_id: str = tables.text(key=True)
    declared: str = tables.text()
    longitude: float
    latitude: float
    division_code: str = tables.text()
    metres: int = tables.whole()
    found_at: datetime = tables.moment()
