"""When a province last took what it was told: how fresh it is, however long ago its reports are forgotten."""

from alembic import op

from youguan.migration import run_script

revision = "0035"
down_revision = "0034"

SCRIPT = """
ALTER TABLE gateway.platform_now ADD COLUMN last_taken_at timestamptz;
INSERT INTO gateway.platform_now AS n (operator_id, last_taken_at)
SELECT operator_id, max(ended_at) FROM gateway.upward_report WHERE state = 'taken' GROUP BY 1
ON CONFLICT (operator_id) DO UPDATE SET last_taken_at = excluded.last_taken_at;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
