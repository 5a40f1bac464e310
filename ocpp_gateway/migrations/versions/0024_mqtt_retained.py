"""Of which connectors, at which sites, the broker may hold a status: it is taken back when a station is moved or retired."""

from alembic import op

from youguan.migration import run_script

revision = "0024"
down_revision = "0023"

# What has been published until now; the site of what was filed no longer was called `unfiled`.
SCRIPT = """
CREATE TABLE gateway.mqtt_retained (
    station_id text NOT NULL,
    connector integer NOT NULL,
    site_id text NOT NULL,
    PRIMARY KEY (station_id, connector, site_id)
);
INSERT INTO gateway.mqtt_retained
SELECT n.station_id, n.connector, coalesce(d.site_id, 'unfiled')
FROM gateway.connector_now n LEFT JOIN gateway.station_directory d USING (station_id);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
