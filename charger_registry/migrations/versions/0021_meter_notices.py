"""What was told of meters whose verification is due."""

from alembic import op

from youguan.migration import run_script

revision = "0021"
down_revision = "0020"

SCRIPT = """
CREATE TABLE registry.meter_notice (
    station_id text NOT NULL,
    connector integer NOT NULL,
    site_id text NOT NULL,
    overdue boolean NOT NULL,
    PRIMARY KEY (station_id, connector)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
