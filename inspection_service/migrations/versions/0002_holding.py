"""Since when a task stands where it stands, the holding time that is left, and which stations cannot be heard."""

from alembic import op

from youguan.migration import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
ALTER TABLE inspection.task ADD moved_at timestamptz;
UPDATE inspection.task t SET moved_at = (SELECT max(at) FROM inspection.task_history h WHERE h.task_id = t.id);
UPDATE inspection.task SET moved_at = opened_at WHERE moved_at IS NULL;
ALTER TABLE inspection.task ALTER moved_at SET NOT NULL, ADD holding_left interval;
CREATE INDEX task_site ON inspection.task (site_id) WHERE state <> 'closed';
CREATE TABLE inspection.unheard_station (station_id text PRIMARY KEY, since timestamptz NOT NULL);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
