"""Once a party has reported that it has mended, it is for the officers to look again: what runs is no longer the order's period."""

from alembic import op

from youguan.migration import run_script

revision = "0027"
down_revision = "0026"

SCRIPT = """
UPDATE inspection.case_file SET period = 'recheck' WHERE state = 'mended' AND period = 'order';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
