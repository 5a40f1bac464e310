"""When a transaction ended as far as its charger's clock can be believed: by that the day counts it, and its energy."""

from alembic import op

from youguan.migration import run_script

revision = "0029"
down_revision = "0028"

SCRIPT = """
ALTER TABLE telemetry.transaction ADD COLUMN ended_at timestamptz;
UPDATE telemetry.transaction
SET ended_at = CASE WHEN settled OR stopped_at >= recorded_at - interval '180 days' THEN stopped_at ELSE recorded_at END
WHERE stopped_at IS NOT NULL;
CREATE INDEX transaction_ended ON telemetry.transaction (ended_at) WHERE ended_at IS NOT NULL;
DO $do$ BEGIN
    EXECUTE replace(
        pg_get_functiondef('telemetry.roll_day'::regproc),
        'stopped_at >= low AND stopped_at < high', 'ended_at >= low AND ended_at < high'
    );
END $do$;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
