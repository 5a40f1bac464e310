"""How often the public reports and looks, counted for all processes. Nothing that a crash may not take."""

from alembic import op

from youguan.migration import run_script

revision = "0013"
down_revision = "0012"

SCRIPT = """
CREATE UNLOGGED TABLE inspection.public_try (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX public_try_key ON inspection.public_try (key, at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
