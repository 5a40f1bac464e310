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
