"""The audit trail: who did what, when, from where; append-only and chained by hash."""

from alembic import op

from youguan.migration import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
CREATE TABLE audit.trail (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb,
    remote text,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON audit.trail
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
