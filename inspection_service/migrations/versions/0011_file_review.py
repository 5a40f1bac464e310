"""File reviews: what was drawn, by which seed, and what two reviewers found."""

from alembic import op

from youguan.migration import run_script

revision = "0011"
down_revision = "0010"

SCRIPT = """
CREATE TABLE inspection.file_review (
    id text PRIMARY KEY,
    name text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    seed text NOT NULL,
    numbers jsonb NOT NULL,
    fingerprint text NOT NULL,
    people jsonb NOT NULL,
    ordered_by text NOT NULL,
    ordered_at timestamptz NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.file_review
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.reviewed_file (
    review_id text NOT NULL REFERENCES inspection.file_review,
    case_id text NOT NULL REFERENCES inspection.case_file,
    place integer NOT NULL,
    reviewers jsonb NOT NULL,
    total integer,
    grade text CHECK (grade IN ('excellent', 'passed', 'failed')),
    settled_by text,
    reason text NOT NULL,
    graded_at timestamptz,
    PRIMARY KEY (review_id, case_id)
);
CREATE INDEX reviewed_file_graded ON inspection.reviewed_file (graded_at) WHERE graded_at IS NOT NULL;

CREATE TABLE inspection.file_score (
    review_id text NOT NULL,
    case_id text NOT NULL,
    reviewer text NOT NULL,
    marks jsonb NOT NULL,
    remarks text NOT NULL,
    total integer NOT NULL,
    vetoed jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (review_id, case_id, reviewer),
    FOREIGN KEY (review_id, case_id) REFERENCES inspection.reviewed_file
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.file_score
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
CREATE INDEX case_archived ON inspection.case_file ((facts->>'archived_on')) WHERE facts->>'archived_on' IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
