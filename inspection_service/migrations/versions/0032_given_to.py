"""A task's history says to whom it was given, or was asked to be given."""

from alembic import op

from youguan.migration import run_script

revision = "0032"
down_revision = "0031"

SCRIPT = """
ALTER TABLE inspection.task_history ADD COLUMN given_to text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
