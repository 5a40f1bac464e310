"""Sites' files as the reporting to provinces has taken them in; without their stations at first, so that each is told once more."""

from alembic import op

from youguan.migration import run_script

revision = "0030"
down_revision = "0029"

SCRIPT = """
CREATE TABLE gateway.told_site (
    site_id text PRIMARY KEY,
    operator_code text,
    file jsonb NOT NULL
);
INSERT INTO gateway.told_site
SELECT site_id, operator_code, file || '{"stations": []}' FROM gateway.filed_site WHERE NOT retired;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
