"""Codes that were taken from an organisation as another bears them too, where 0029 ran before it kept them."""

from alembic import op

from youguan.migration import run_script

revision = "0033"
down_revision = "0032"

SCRIPT = """
CREATE TABLE IF NOT EXISTS registry.taken_code (
    organisation_id text NOT NULL REFERENCES registry.organisation (id),
    kind text NOT NULL CHECK (kind IN ('operator_code', 'ocpi_party')),
    code text NOT NULL,
    kept_by text NOT NULL REFERENCES registry.organisation (id),
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, kind)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
