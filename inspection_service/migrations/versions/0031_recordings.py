"""What equipment recorded is found case by case, to be reviewed."""

from alembic import op

from youguan.migration import run_script

revision = "0031"
down_revision = "0030"

SCRIPT = """
CREATE INDEX evidence_recordings ON inspection.evidence (case_id) WHERE record->>'origin' = 'monitoring';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
