"""How many connectors a station is filed with."""

from alembic import op

from youguan.migration import run_script

revision = "0005"
down_revision = "0004"

SCRIPT = """
ALTER TABLE alerts.station_site ADD connectors integer NOT NULL DEFAULT 0;
UPDATE alerts.station_site s SET connectors = told.connectors FROM (
    SELECT DISTINCT ON (f ->> 'station_id') f ->> 'station_id' AS station_id, (f ->> 'connectors')::integer AS connectors
    FROM eventlog.event, jsonb_array_elements(payload -> 'stations') f WHERE type = 'SiteFiled'
    ORDER BY f ->> 'station_id', serial DESC
) told WHERE told.station_id = s.station_id;
ALTER TABLE alerts.station_site ALTER connectors DROP DEFAULT;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
