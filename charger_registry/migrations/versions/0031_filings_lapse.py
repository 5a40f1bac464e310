"""A file lapses whose promised papers do not come, so long after its holder was told, where the rule of the paper says so.

What was told already did not say so: it is told anew, and the time begins then.
"""

from alembic import op

from youguan.migration import run_script

revision = "0031"
down_revision = "0030"

SCRIPT = """
INSERT INTO registry.filing_term (name, amount, valid_from) VALUES ('lapse', 10, '2000-01-01');
ALTER TABLE registry.document_rule ADD COLUMN lapses boolean NOT NULL DEFAULT true;
ALTER TABLE registry.filing DROP CONSTRAINT filing_state_check, ADD CONSTRAINT filing_state_check CHECK (state IN (
    'draft', 'submitted', 'supplement_required', 'accepted', 'in_operation', 'suspended', 'retired', 'withdrawn', 'rejected',
    'lapsed'));
UPDATE registry.filing_promise SET told_at = NULL WHERE kept_at IS NULL AND told_at IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
