"""What the id token of a transaction was answered: one that was refused keeps no token from being used elsewhere."""

from alembic import op

from youguan.migration import run_script

revision = "0023"
down_revision = "0022"

SCRIPT = """
ALTER TABLE telemetry.transaction ADD COLUMN standing text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
