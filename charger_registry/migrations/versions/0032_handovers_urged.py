"""When the receiver of a handover was reminded of its last day to answer."""

from alembic import op

from youguan.migration import run_script

revision = "0032"
down_revision = "0031"

SCRIPT = """
ALTER TABLE registry.handover ADD COLUMN urged_at timestamptz;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
