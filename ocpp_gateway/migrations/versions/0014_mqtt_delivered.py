"""Which of the broker's deliveries that tell no time of their own are stored, by the number under which it delivers them again."""

from alembic import op

from youguan.migration import run_script

revision = "0014"
down_revision = "0013"

SCRIPT = """
CREATE TABLE gateway.mqtt_delivered (
    slot integer NOT NULL,
    number integer NOT NULL,
    digest bytea NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (slot, number)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
