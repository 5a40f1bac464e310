"""Since when a province has orders that it was not told: it refused them, or they are withheld."""

from alembic import op

from youguan.migration import run_script

revision = "0036"
down_revision = "0035"

SCRIPT = """
ALTER TABLE gateway.platform_now ADD COLUMN untold_since timestamptz;
CREATE INDEX upward_report_untold ON gateway.upward_report (operator_id, ended_at)
    WHERE kind = 'order' AND state IN ('refused', 'withheld');
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
