"""A province that deals with nothing is left alone for a while; what cannot be told yet is listed with its reason."""

from alembic import op

from youguan.migration import run_script

revision = "0027"
down_revision = "0026"

SCRIPT = """
ALTER TABLE gateway.platform_now
    ADD COLUMN told_in_vain integer NOT NULL DEFAULT 0,
    ADD COLUMN tell_again_at timestamptz;

ALTER TABLE gateway.upward_report DROP CONSTRAINT upward_report_state_check;
ALTER TABLE gateway.upward_report ADD CONSTRAINT upward_report_state_check
    CHECK (state IN ('waiting', 'taken', 'refused', 'overtaken', 'withheld'));
CREATE INDEX upward_report_withheld ON gateway.upward_report (id) WHERE state = 'withheld';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
