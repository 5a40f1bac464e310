"""A mistaken deregistration is undone: what was believed of it is kept, and which accounts were closed with it."""

from alembic import op

from youguan.migration import run_script

revision = "0028"
down_revision = "0027"

SCRIPT = """
CREATE TABLE registry.undone_deregistration (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation_id text NOT NULL REFERENCES registry.organisation (id),
    deregistered_at timestamptz NOT NULL,
    believed tstzrange NOT NULL CHECK (NOT isempty(believed)),
    undone_by text NOT NULL,
    reason text NOT NULL,
    document_number text NOT NULL
);
CREATE INDEX ON registry.undone_deregistration (organisation_id);
ALTER TABLE registry.person ADD COLUMN closed_with_organisation boolean NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
