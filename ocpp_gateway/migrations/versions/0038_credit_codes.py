"""Organisations' credit codes, against which a platform's own is held; what was not told is found by an index whatever it is."""

from alembic import op

from youguan.migration import run_script

revision = "0038"
down_revision = "0037"

SCRIPT = """
ALTER TABLE gateway.organisation ADD COLUMN uscc text;
UPDATE gateway.organisation o SET uscc = filed.uscc FROM (
    SELECT DISTINCT ON (payload ->> 'organisation_id') payload ->> 'organisation_id' AS organisation_id, payload ->> 'uscc' AS uscc
    FROM eventlog.event WHERE type = 'OrganisationFiled' ORDER BY payload ->> 'organisation_id', serial DESC
) filed WHERE filed.organisation_id = o.organisation_id;
CREATE INDEX upward_report_not_told ON gateway.upward_report (operator_id, id) WHERE state IN ('refused', 'withheld');
DROP INDEX gateway.upward_report_untold;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
