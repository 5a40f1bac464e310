"""A central system to which stations are passed on is away; what was passed on could not be kept."""

from alembic import op

from youguan.migration import run_script

revision = "0007"
down_revision = "0006"

SCRIPT = """
INSERT INTO alerts.rule (name, severity, for_s) VALUES ('upstream_away', 'major', 60);
INSERT INTO alerts.rule (name, severity, opens_task, quiet_s) VALUES ('relay_gap', 'major', false, 3600);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
