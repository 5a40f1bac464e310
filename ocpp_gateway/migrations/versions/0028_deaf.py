"""Since when a province deals with nothing that it is told, once that was for too long."""

from alembic import op

from youguan.migration import run_script

revision = "0028"
down_revision = "0027"

SCRIPT = """
ALTER TABLE gateway.platform_now ADD COLUMN deaf_since timestamptz;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
