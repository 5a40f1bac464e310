"""Revocations are found at once: whoever verifies tokens must know them before it serves."""

from alembic import op

from youguan.migration import run_script

revision = "0003"
down_revision = "0002"

SCRIPT = """
CREATE INDEX event_revocation ON eventlog.event (recorded_at) WHERE type = 'AccessRevoked';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
