"""Divisions without a point to write their name at."""

from alembic import op

from youguan.migration import run_script

revision = "0018"
down_revision = "0017"

SCRIPT = """
ALTER TABLE registry.division ALTER COLUMN longitude DROP NOT NULL, ALTER COLUMN latitude DROP NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
