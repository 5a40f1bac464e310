"""Files: uploads of stations and firmware for them."""

from alembic import op

from youguan.database import run_script

revision = "0007"
down_revision = "0006"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
