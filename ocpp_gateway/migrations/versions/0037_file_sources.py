"""Where a file came from is held against where its station was connected from when it came."""

from alembic import op

from youguan.migration import run_script

revision = "0037"
down_revision = "0036"

SCRIPT = """
ALTER TABLE gateway.evidence_file ADD COLUMN station_connected boolean;
ALTER TABLE gateway.evidence_file ADD COLUMN station_remote text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
