"""Firmware can be withdrawn; its version may then be brought anew."""

from alembic import op

from youguan.migration import run_script

revision = "0044"
down_revision = "0043"

SCRIPT = """
ALTER TABLE gateway.firmware ADD COLUMN withdrawn_at timestamptz;
ALTER TABLE gateway.firmware ADD COLUMN withdrawn_by text;
ALTER TABLE gateway.firmware ADD COLUMN withdrawn_reason text;
DROP INDEX gateway.firmware_once;
CREATE UNIQUE INDEX firmware_once ON gateway.firmware (vendor, model, version)
    WHERE received_at IS NOT NULL AND withdrawn_at IS NULL;
CREATE INDEX firmware_newest ON gateway.firmware (announced_at DESC, id DESC);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
