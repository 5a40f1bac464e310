"""Which officer of a visit was replaced by whom, and why."""

from alembic import op

from youguan.migration import run_script

revision = "0020"
down_revision = "0019"

SCRIPT = """
CREATE TABLE inspection.visit_replacement (
    visit_id text NOT NULL REFERENCES inspection.visit,
    number integer NOT NULL,
    leaves text NOT NULL,
    comes text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    replaced_by text NOT NULL,
    PRIMARY KEY (visit_id, number),
    CHECK (leaves <> comes)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.visit_replacement
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
