"""Hours of the time series, and what does not count as outage."""

from alembic import op

from youguan.database import run_script

revision = "0005"
down_revision = "0004"

TABLES = """
SELECT 1;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
