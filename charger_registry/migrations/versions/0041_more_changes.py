"""Of a row of an import that changes very much it is known how many changes are not listed."""

from alembic import op

from youguan.migration import run_script

revision = "0041"
down_revision = "0040"

SCRIPT = "ALTER TABLE registry.import_line ADD COLUMN more integer NOT NULL DEFAULT 0;"


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
