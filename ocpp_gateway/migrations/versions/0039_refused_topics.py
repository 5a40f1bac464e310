"""Which topics the broker refuses, and why."""

from alembic import op

from youguan.migration import run_script

revision = "0039"
down_revision = "0038"

SCRIPT = """
ALTER TABLE gateway.mqtt_retained ADD COLUMN refused_reason text;
ALTER TABLE gateway.mqtt_retained ADD COLUMN refused_at timestamptz;
CREATE INDEX mqtt_refused ON gateway.mqtt_retained (refused_at) WHERE refused_at IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
