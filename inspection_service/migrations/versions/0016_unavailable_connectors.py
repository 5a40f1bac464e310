"""Which connectors are out of service: while they are, nothing shows that they are in order."""

from alembic import op

from youguan.migration import run_script

revision = "0016"
down_revision = "0015"

SCRIPT = """
CREATE TABLE inspection.unavailable_connector (
    station_id text, connector integer, since timestamptz NOT NULL, PRIMARY KEY (station_id, connector)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
