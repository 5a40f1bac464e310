"""Who may charge: id tokens, groups, local lists, reservations, charging profiles."""

from alembic import op

from youguan.database import run_script

revision = "0003"
down_revision = "0002"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
