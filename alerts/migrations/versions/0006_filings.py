"""Papers of a site that run out, and papers that were promised and have not come."""

from alembic import op

from youguan.migration import run_script

revision = "0006"
down_revision = "0005"

# That a paper is about to expire is told in time and nobody's task yet.
RULES = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES
    ('document_expiring', 'info', false), ('document_expired', 'minor', true), ('filing_promise_overdue', 'minor', true);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
