"""The grace period of new sites, as the registry gives it."""

from alembic import op

from youguan.migration import run_script

revision = "0012"
down_revision = "0011"

SCRIPT = """
ALTER TABLE inspection.site ADD COLUMN grace_since date, ADD COLUMN grace_until date;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
