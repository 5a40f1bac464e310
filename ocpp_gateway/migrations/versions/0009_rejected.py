"""Stations that are not filed and that somebody has decided against."""

from alembic import op

from youguan.migration import run_script

revision = "0009"
down_revision = "0008"

SCRIPT = """
CREATE TABLE gateway.rejected_station (
    station_id text PRIMARY KEY,
    rejected_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
