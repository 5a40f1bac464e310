"""A meter that ran backwards."""

from alembic import op

from youguan.migration import run_script

revision = "0014"
down_revision = "0013"

# Over when none has been heard of for a day; the task stays until a transaction or an inspector proves that the meter counts right.
RULES = """
INSERT INTO alerts.rule (name, severity, quiet_s) VALUES ('meter_backwards', 'minor', 86400);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
