"""A rule about clocks, and whether what a rule finds is somebody's work."""

from alembic import op

from youguan.migration import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
ALTER TABLE alerts.rule ADD COLUMN opens_task boolean NOT NULL DEFAULT true;
INSERT INTO alerts.rule (name, severity, opens_task) VALUES ('clock_skew', 'minor', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
