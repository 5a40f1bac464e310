"""Of which transactions the events are numbered without gaps, so that it is known which are missing: OCPP 2.x, and no account."""

from alembic import op

from youguan.migration import run_script

revision = "0021"
down_revision = "0020"

SCRIPT = """
ALTER TABLE telemetry.transaction ADD COLUMN numbered boolean NOT NULL DEFAULT true;
UPDATE telemetry.transaction t SET numbered = false WHERE t.settled OR EXISTS (
    SELECT FROM telemetry.transaction_event e
    WHERE (e.station_id, e.transaction_id) = (t.station_id, t.transaction_id) AND e.seq_no >= 2147483646
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
