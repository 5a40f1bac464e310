"""Orders that a province refused, or that cannot be told, stay until somebody sets them aside."""

from alembic import op

from youguan.migration import run_script

revision = "0033"
down_revision = "0032"

SCRIPT = """
ALTER TABLE gateway.upward_report DROP CONSTRAINT upward_report_state_check;
ALTER TABLE gateway.upward_report ADD CONSTRAINT upward_report_state_check
    CHECK (state IN ('waiting', 'taken', 'refused', 'overtaken', 'withheld', 'set_aside'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
