"""Retired sites are within the bounds of their divisions again: as far as the log tells where they lay."""

from alembic import op

from youguan.migration import run_script

revision = "0010"
down_revision = "0009"

SCRIPT = """
INSERT INTO bounds.site (site_id, division_code)
SELECT DISTINCT ON (1) payload ->> 'site_id', payload ->> 'division_code'
FROM eventlog.event WHERE type = 'SiteFiled' ORDER BY 1, serial DESC
ON CONFLICT DO NOTHING;
INSERT INTO bounds.station (station_id, site_id)
SELECT DISTINCT ON (1) s ->> 'station_id', e.payload ->> 'site_id'
FROM eventlog.event e, jsonb_array_elements(e.payload -> 'stations') AS s WHERE e.type = 'SiteFiled' ORDER BY 1, e.serial DESC
ON CONFLICT DO NOTHING;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
