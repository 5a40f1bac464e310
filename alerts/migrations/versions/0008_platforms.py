"""An operator's platform that falls silent: nobody's task unless the rule says so."""

from alembic import op

from youguan.migration import run_script

revision = "0008"
down_revision = "0007"

SCRIPT = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES ('platform_silent', 'major', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
