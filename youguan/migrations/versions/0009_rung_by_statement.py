"""Whoever appends events notifies as well, in the same statement: a trigger had to collect the rows again to name their types."""

from alembic import op

from youguan.migration import run_script

revision = "0009"
down_revision = "0008"

SCRIPT = """
DROP TRIGGER ring ON eventlog.event;
DROP FUNCTION eventlog.ring();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
