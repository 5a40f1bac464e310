"""Documents as they were printed when they were issued."""

from alembic import op

from youguan.migration import run_script

revision = "0004"
down_revision = "0003"

SCRIPT = """
CREATE TABLE inspection.case_print (
    number text PRIMARY KEY REFERENCES inspection.case_document,
    pdf bytea NOT NULL,
    sha256 text NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_print
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
