"""What was told of the ends of cases' periods, so that each is told once."""

from alembic import op

from youguan.migration import run_script

revision = "0022"
down_revision = "0021"

SCRIPT = """
CREATE TABLE inspection.case_urging (
    case_id text NOT NULL REFERENCES inspection.case_file,
    period text NOT NULL,
    due_on date NOT NULL,
    stage text NOT NULL CHECK (stage IN ('soon', 'over')),
    told_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, period, due_on, stage)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_urging
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
