"""Who works for the county, and at which addresses alerts are told from which severity on."""

from alembic import op

from youguan.migration import run_script

revision = "0028"
down_revision = "0027"

SCRIPT = """
CREATE TABLE inspection.official (
    username text PRIMARY KEY,
    roles text[] NOT NULL,
    division text,
    level integer
);
ALTER TABLE inspection.notice_address
    ADD COLUMN alerts_from text CHECK (alerts_from IN ('info', 'minor', 'major', 'critical'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
