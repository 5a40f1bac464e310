"""Rules about sensors beside the chargers."""

from alembic import op

from youguan.migration import run_script

revision = "0003"
down_revision = "0002"

# A petrol car that leaves within ten minutes is no matter for anybody.
RULES = """
INSERT INTO alerts.rule (name, severity, for_s) VALUES
    ('smoke', 'critical', 0), ('water', 'major', 0), ('overheating', 'major', 0), ('bay_blocked', 'minor', 600);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
