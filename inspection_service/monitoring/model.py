"""The register of reviewed monitoring equipment."""

from datetime import date, datetime

from inspection_service.model import Table
from youguan.tables import moment, text


class MonitoringEquipment(Table, table=True):
    """A camera, meter or sensor, by which papers it was reviewed, and when; only its end is added."""

    __tablename__ = "monitoring_equipment"
    id: str = text(key=True)
    number: str = text()
    kind: str = text()
    place: str = text()
    site_id: str | None = text(optional=True)
    legal_review: str = text()
    technical_review: str = text()
    published_in: str = text()
    published_on: date
    valid_from: date
    valid_until: date
    entered_at: datetime = moment()
    entered_by: str = text()
    ended_on: date | None
    end_reason: str | None = text(optional=True)
    ended_by: str | None = text(optional=True)
