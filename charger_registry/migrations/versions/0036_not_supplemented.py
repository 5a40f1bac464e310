"""A filing counts as withdrawn so long after its supplement was due; those submitted before, after the longest term there is."""

from alembic import op

from youguan.migration import run_script

revision = "0036"
down_revision = "0035"

SCRIPT = """
DO $$
DECLARE today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF EXISTS (SELECT FROM registry.filing WHERE submitted_at IS NOT NULL) THEN
        INSERT INTO registry.filing_term (name, amount, valid_from)
        VALUES ('unsupplied', 365, '2000-01-01'), ('unsupplied', 10, today + 1);
    ELSE
        INSERT INTO registry.filing_term (name, amount, valid_from) VALUES ('unsupplied', 10, '2000-01-01');
    END IF;
END $$;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
