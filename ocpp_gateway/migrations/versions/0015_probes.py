"""Commands that ask for another service how a station is."""

from alembic import op

from youguan.migration import run_script

revision = "0015"
down_revision = "0014"

SCRIPT = """
CREATE TABLE gateway.probe (
    command_id text PRIMARY KEY REFERENCES gateway.command,
    connector integer
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
