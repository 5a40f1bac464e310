"""Grace periods that are about to end."""

from alembic import op

from youguan.migration import run_script

revision = "0010"
down_revision = "0009"

# Told in time, and nobody's task.
RULES = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES ('grace_period_ending', 'info', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
