"""What endangers a station's security."""

from alembic import op

from youguan.migration import run_script

revision = "0013"
down_revision = "0012"

# No station says that its cover is closed again or its log whole: each is over when it is not heard of again. Of tampering that
# leaves the task, which an inspector confirms on the spot; firmware is over as well when other firmware is verified.
RULES = """
INSERT INTO alerts.rule (name, severity, opens_task, quiet_s) VALUES
    ('tampering', 'major', true, 3600),
    ('firmware_signature', 'major', true, 604800),
    ('security_event', 'minor', false, 86400);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
