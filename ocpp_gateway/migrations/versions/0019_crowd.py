"""How many connections each worker holds, in all and of its busiest sources, for the others to count them in."""

from alembic import op

from youguan.migration import run_script

revision = "0019"
down_revision = "0018"

SCRIPT = """
CREATE TABLE gateway.crowd (
    slot integer PRIMARY KEY,
    connections integer NOT NULL,
    sources jsonb NOT NULL,
    told_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
