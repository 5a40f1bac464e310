"""What closed a task, so that the report counts as mended what was; for whom the numbers of a draw stand."""

from alembic import op

from youguan.migration import run_script

revision = "0017"
down_revision = "0016"

# Before, what was filed no longer was settled as what had been mended.
SCRIPT = """
ALTER TABLE inspection.task ADD COLUMN closed_by text;
UPDATE inspection.task t SET closed_by = CASE
    WHEN h.command = 'settle' AND (t.cause = 'connector_fault' OR h.reason = 'the station is filed no longer') THEN 'lapse'
    ELSE h.command END
FROM (
    SELECT DISTINCT ON (task_id) task_id, command, reason FROM inspection.task_history
    WHERE state = 'closed' ORDER BY task_id, place DESC
) h WHERE t.id = h.task_id AND t.state = 'closed';
ALTER TABLE inspection.draw ADD COLUMN people jsonb NOT NULL DEFAULT '{}';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
