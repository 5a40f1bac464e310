"""Who may connect: credentials as the registry told them."""

from alembic import op

from youguan.database import run_script

revision = "0006"
down_revision = "0005"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
