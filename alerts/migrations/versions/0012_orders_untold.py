"""Orders that a province refused, or that cannot be told it: nobody's task unless the rule says so."""

from alembic import op

from youguan.migration import run_script

revision = "0012"
down_revision = "0011"

SCRIPT = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES ('orders_untold', 'minor', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
