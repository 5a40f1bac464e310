"""Cases that other organs have sent."""

from alembic import op

from youguan.migration import run_script

revision = "0010"
down_revision = "0009"

SCRIPT = """
CREATE TABLE inspection.received_case (
    organ text NOT NULL,
    number text NOT NULL,
    case_id text NOT NULL REFERENCES inspection.case_file,
    received_at timestamptz NOT NULL,
    content jsonb NOT NULL,
    PRIMARY KEY (organ, number)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.received_case
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
