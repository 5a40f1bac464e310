"""The audit trail cannot be emptied either, and is found by who, what and when."""

from alembic import op

from youguan.migration import run_script

revision = "0007"
down_revision = "0006"

SCRIPT = """
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit.trail
    FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change();
CREATE INDEX trail_subject ON audit.trail (subject text_pattern_ops, number);
CREATE INDEX trail_at ON audit.trail (at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
