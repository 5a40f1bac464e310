"""An official decides that a file lapses, unless the paper's rule lets time alone do it; only of files submitted from tomorrow on.

Who promised a paper before was not told then that its absence ends the file: what was told of those promises is told anew.
"""

from alembic import op

from youguan.migration import run_script

revision = "0035"
down_revision = "0034"

SCRIPT = """
ALTER TABLE registry.document_rule ADD COLUMN lapses_by_itself boolean NOT NULL DEFAULT false;
ALTER TABLE registry.filing ADD COLUMN lapse_due_since date;
CREATE INDEX filing_lapse_due ON registry.filing (lapse_due_since) WHERE lapse_due_since IS NOT NULL;
DO $$
DECLARE today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF EXISTS (SELECT FROM registry.filing WHERE submitted_at IS NOT NULL) THEN
        INSERT INTO registry.document_rule (code, valid_from, required, promisable, expires, warning_days, lapses)
        SELECT DISTINCT ON (code) code, today + 1, required, promisable, expires, warning_days, lapses
        FROM registry.document_rule WHERE valid_from <= today + 1 ORDER BY code, valid_from DESC
        ON CONFLICT (code, valid_from) DO NOTHING;
        UPDATE registry.document_rule SET lapses = false WHERE valid_from <= today;
        UPDATE registry.filing_promise SET told_at = NULL WHERE kept_at IS NULL AND told_at IS NOT NULL;
    END IF;
END $$;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
