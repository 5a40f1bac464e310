"""What is published of decisions."""

from alembic import op

from youguan.migration import run_script

revision = "0009"
down_revision = "0008"

SCRIPT = """
CREATE TABLE inspection.publication (
    id text PRIMARY KEY,
    case_id text NOT NULL REFERENCES inspection.case_file,
    version integer NOT NULL,
    number text NOT NULL,
    state text NOT NULL CHECK (state IN ('to_check', 'exempt', 'withheld', 'published', 'withdrawn', 'ended')),
    rule text NOT NULL,
    decided_on date NOT NULL,
    due_on date,
    notice jsonb,
    names jsonb NOT NULL,
    checked_by text,
    published_at timestamptz,
    shown_until date,
    reason text NOT NULL,
    changed_at timestamptz NOT NULL,
    UNIQUE (case_id, version),
    CHECK ((state = 'published') <= (notice IS NOT NULL AND published_at IS NOT NULL AND shown_until IS NOT NULL))
);
CREATE INDEX publication_shown ON inspection.publication (published_at DESC, id DESC) WHERE state IN ('published', 'withdrawn');
CREATE INDEX publication_state ON inspection.publication (state, due_on);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
