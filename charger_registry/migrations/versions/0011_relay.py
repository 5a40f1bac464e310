"""Which sites are passed on to their operator's own central system, and what their managers propose."""

from alembic import op

from youguan.migration import run_script

revision = "0011"
down_revision = "0010"

SCRIPT = """
CREATE TABLE registry.relay (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES registry.site,
    upstream_url text,
    admission text NOT NULL CHECK (admission IN ('ours', 'upstream')),
    may_send boolean NOT NULL,
    authority text,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL
);
CREATE INDEX ON registry.relay (site_id, id DESC);
CREATE TABLE registry.relay_proposal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES registry.site,
    upstream_url text,
    authority text,
    reason text NOT NULL,
    organisation_id text,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'accepted', 'declined', 'withdrawn')),
    decided_by text,
    decided_at timestamptz,
    decision_reason text
);
CREATE INDEX ON registry.relay_proposal (site_id, id DESC);
CREATE UNIQUE INDEX ON registry.relay_proposal (site_id) WHERE state = 'open';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
