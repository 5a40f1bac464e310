"""When a platform that was asked said last what a connector is, whether that had changed or not."""

from alembic import op

from youguan.migration import run_script

revision = "0022"
down_revision = "0021"

SCRIPT = """
ALTER TABLE gateway.connector_code ADD COLUMN confirmed_at timestamptz;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
