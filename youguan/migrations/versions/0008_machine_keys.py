"""Keys of machine clients, as every service reads them: their hashes, and what they are for."""

from alembic import op

from youguan.migration import run_script

revision = "0008"
down_revision = "0007"

SCRIPT = """
CREATE TABLE bounds.machine_key (
    id text PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL UNIQUE,
    role text NOT NULL,
    scopes text[] NOT NULL,
    organisation_id text,
    division text,
    expires_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
