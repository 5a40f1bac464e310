"""Sensors beside the chargers."""

from alembic import op

from youguan.database import run_script

revision = "0008"
down_revision = "0007"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
