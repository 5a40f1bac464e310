"""Which variable a monitor watches, and of which monitor a periodic event stream tells."""

from alembic import op

from youguan.migration import run_script

revision = "0042"
down_revision = "0041"

SCRIPT = """
CREATE TABLE gateway.monitor (
    station_id text NOT NULL,
    number integer NOT NULL,
    component text NOT NULL,
    component_instance text NOT NULL,
    evse integer NOT NULL,
    connector integer NOT NULL,
    variable text NOT NULL,
    variable_instance text NOT NULL,
    PRIMARY KEY (station_id, number)
);
CREATE TABLE gateway.event_stream (
    station_id text NOT NULL,
    number integer NOT NULL,
    monitor integer NOT NULL,
    PRIMARY KEY (station_id, number)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
