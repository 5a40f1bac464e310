"""Of which day of a filing it was told that it has passed, its supplement's or the authority's: each is told once."""

from alembic import op

from youguan.migration import run_script

revision = "0040"
down_revision = "0039"

SCRIPT = "ALTER TABLE registry.filing ADD COLUMN told_due_on date;"


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
