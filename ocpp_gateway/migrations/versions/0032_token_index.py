"""The transactions of an id token are found however its letters were written."""

from alembic import op

from youguan.migration import run_script

revision = "0032"
down_revision = "0031"

SCRIPT = """
CREATE INDEX transaction_token_compared ON telemetry.transaction (lower(id_token), id DESC);
DROP INDEX telemetry.transaction_token;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
