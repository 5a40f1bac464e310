"""A paper that is brought on a file that stands counts only once the authority has accepted it; what is there counts already."""

from alembic import op

from youguan.migration import run_script

revision = "0034"
down_revision = "0033"

SCRIPT = """
ALTER TABLE registry.filing_document
    ADD COLUMN standing text NOT NULL DEFAULT 'counts' CHECK (standing IN ('counts', 'waiting', 'refused')),
    ADD COLUMN judged_at timestamptz,
    ADD COLUMN judged_by text,
    ADD COLUMN judged_why text;
CREATE INDEX filing_document_waiting ON registry.filing_document (filing_id) WHERE standing = 'waiting' AND ended_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
