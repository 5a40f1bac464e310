"""Since when the accounts of an organisation that is no more are closed."""

from alembic import op

from youguan.migration import run_script

revision = "0024"
down_revision = "0023"

SCRIPT = """
ALTER TABLE registry.organisation ADD COLUMN accounts_closed_at timestamptz;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
