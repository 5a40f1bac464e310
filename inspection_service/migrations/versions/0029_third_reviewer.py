"""Two scores of a file that lie apart are decided by a third, drawn by the review's seed, or by a rule where nobody is left."""

from alembic import op

from youguan.migration import run_script

revision = "0029"
down_revision = "0028"

SCRIPT = """
ALTER TABLE inspection.reviewed_file
    ADD COLUMN third_from jsonb,
    ADD COLUMN third_until date,
    ADD COLUMN rule text CHECK (rule IN ('mean', 'middle', 'stricter', 'settled'));
UPDATE inspection.reviewed_file SET rule = CASE WHEN settled_by IS NULL THEN 'mean' ELSE 'settled' END WHERE grade IS NOT NULL;
CREATE INDEX reviewed_file_open ON inspection.reviewed_file (case_id) WHERE grade IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
