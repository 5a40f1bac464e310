"""A task's history says from which party it was taken: that party may read on what it did."""

from alembic import op

from youguan.migration import run_script

revision = "0034"
down_revision = "0033"

SCRIPT = """
ALTER TABLE inspection.task_history ADD COLUMN taken_from text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
