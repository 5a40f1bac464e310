"""What parties bring to their cases, and what officers made of it."""

from alembic import op

from youguan.migration import run_script

revision = "0019"
down_revision = "0018"

SCRIPT = """
CREATE TABLE inspection.case_paper (
    id text PRIMARY KEY,
    case_id text NOT NULL REFERENCES inspection.case_file,
    about text NOT NULL CHECK (about IN ('statement', 'mended', 'payment', 'other')),
    title text NOT NULL,
    note text NOT NULL,
    sha256 text NOT NULL,
    size_bytes integer NOT NULL,
    media_type text NOT NULL,
    name text NOT NULL,
    brought_at timestamptz NOT NULL,
    brought_by text NOT NULL,
    brought_by_name text NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_paper
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
CREATE INDEX case_paper_case ON inspection.case_paper (case_id, brought_at);
CREATE INDEX case_paper_bringer ON inspection.case_paper (brought_by, brought_at);

CREATE TABLE inspection.case_paper_answer (
    paper_id text PRIMARY KEY REFERENCES inspection.case_paper,
    place integer,
    reason text NOT NULL,
    answered_at timestamptz NOT NULL,
    answered_by text NOT NULL,
    answered_by_name text NOT NULL,
    CHECK (place IS NOT NULL OR reason <> '')
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_paper_answer
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
