"""Whoever has to score a file has a time for it, and after it another takes his place; where nobody is left the file is closed."""

from alembic import op

from youguan.migration import run_script

revision = "0033"
down_revision = "0032"

# Files that wait get their time from the day of the upgrade; the first pass of the watch tells of it.
SCRIPT = """
ALTER TABLE inspection.reviewed_file
    ADD COLUMN score_until date,
    ADD COLUMN replaced jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN told text CHECK (told IN ('drawn', 'soon')),
    DROP CONSTRAINT reviewed_file_grade_check,
    ADD CONSTRAINT reviewed_file_grade_check CHECK (grade IN ('excellent', 'passed', 'failed', 'ungraded')),
    DROP CONSTRAINT reviewed_file_rule_check,
    ADD CONSTRAINT reviewed_file_rule_check CHECK (rule IN ('mean', 'middle', 'stricter', 'settled', 'unscored'));
ALTER TABLE inspection.reviewed_file ALTER COLUMN replaced DROP DEFAULT;
UPDATE inspection.reviewed_file
SET score_until = (now() AT TIME ZONE 'Asia/Shanghai')::date + 30, told = CASE WHEN third_until IS NOT NULL THEN 'drawn' END
WHERE grade IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
