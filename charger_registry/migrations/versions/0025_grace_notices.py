"""What was told of a grace period's end."""

from alembic import op

from youguan.migration import run_script

revision = "0025"
down_revision = "0024"

SCRIPT = """
ALTER TABLE registry.grace_period ADD COLUMN told text CHECK (told IN ('ending', 'ended'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
