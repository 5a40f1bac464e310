"""Who comes for an officer that was drawn the seed says; who was passed over for it is recorded. Earlier ones were chosen."""

from alembic import op

from youguan.migration import run_script

revision = "0026"
down_revision = "0025"

SCRIPT = """
ALTER TABLE inspection.visit_replacement ADD COLUMN passed_over text[];
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
