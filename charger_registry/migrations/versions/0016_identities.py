"""Whom people are at login providers."""

from alembic import op

from youguan.migration import run_script

revision = "0016"
down_revision = "0015"

SCRIPT = """
CREATE TABLE registry.identity (
    provider text NOT NULL,
    subject text NOT NULL,
    username text NOT NULL,
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (provider, subject),
    UNIQUE (provider, username)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
