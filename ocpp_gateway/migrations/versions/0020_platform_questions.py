"""When a platform was asked what it is asked once a day, how often a province stumbled; what is past keeping is found at once."""

from alembic import op

from youguan.migration import run_script

revision = "0020"
down_revision = "0019"

SCRIPT = """
ALTER TABLE gateway.platform_now ADD COLUMN files_asked_at timestamptz, ADD COLUMN stats_asked_of date;

ALTER TABLE gateway.upward_report ADD COLUMN stumbles integer NOT NULL DEFAULT 0;
CREATE INDEX upward_report_ended ON gateway.upward_report (ended_at) WHERE state <> 'waiting';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
