"""Meters whose verification is due."""

from alembic import op

from youguan.migration import run_script

revision = "0009"
down_revision = "0008"

# That a verification is about to run out is told in time and nobody's task yet.
RULES = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES
    ('meter_verification_due', 'info', false), ('meter_verification_overdue', 'minor', true);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
