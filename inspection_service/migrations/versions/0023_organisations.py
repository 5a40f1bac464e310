"""What the registry has on file of organisations, as a decision names them."""

from alembic import op

from youguan.migration import run_script

revision = "0023"
down_revision = "0022"

SCRIPT = """
CREATE TABLE inspection.organisation (
    id text PRIMARY KEY,
    address text NOT NULL,
    uscc text,
    representative text
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
