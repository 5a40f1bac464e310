"""Which stations are somebody's own: by what their site was filed as last; they stay so when they are filed no longer."""

from alembic import op

from youguan.migration import run_script

revision = "0034"
down_revision = "0033"

SCRIPT = """
CREATE TABLE gateway.private_station (station_id text PRIMARY KEY);
INSERT INTO gateway.private_station
SELECT station_id FROM (
    SELECT DISTINCT ON (f ->> 'station_id') f ->> 'station_id' AS station_id, payload ->> 'usage' AS usage
    FROM eventlog.event, jsonb_array_elements(payload -> 'stations') f WHERE type = 'SiteFiled'
    ORDER BY f ->> 'station_id', serial DESC
) filed WHERE usage IN ('private', 'unit');
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
