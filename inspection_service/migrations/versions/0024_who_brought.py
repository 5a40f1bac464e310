"""What somebody has brought to visits within a day is asked at every upload."""

from alembic import op

from youguan.migration import run_script

revision = "0024"
down_revision = "0023"

SCRIPT = """
CREATE INDEX visit_piece_bringer ON inspection.visit_piece (added_by, at) WHERE kind IN ('photo', 'still');
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
