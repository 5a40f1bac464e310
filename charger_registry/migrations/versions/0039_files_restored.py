"""An official may restore a file that has lapsed, within a term and by a decision whose number its history keeps."""

from alembic import op

from youguan.migration import run_script

revision = "0039"
down_revision = "0038"

SCRIPT = """
INSERT INTO registry.filing_term (name, amount, valid_from) VALUES ('restore', 60, '2000-01-01');
ALTER TABLE registry.filing_history ADD COLUMN document_number text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
