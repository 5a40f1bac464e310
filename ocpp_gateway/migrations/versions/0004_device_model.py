"""What stations report of themselves: variables and configuration keys."""

from alembic import op

from youguan.database import run_script

revision = "0004"
down_revision = "0003"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
