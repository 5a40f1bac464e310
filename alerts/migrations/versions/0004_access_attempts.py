"""Somebody keeps trying to connect: a rule that ends when nothing more is heard of it."""

from alembic import op

from youguan.migration import run_script

revision = "0004"
down_revision = "0003"

SCRIPT = """
ALTER TABLE alerts.rule ADD COLUMN quiet_s integer;
INSERT INTO alerts.rule (name, severity, quiet_s) VALUES ('access_attempts', 'major', 900);

ALTER TABLE alerts.alert ADD COLUMN heard_at timestamptz;
CREATE INDEX alert_quiet ON alerts.alert (heard_at) WHERE state <> 'resolved' AND heard_at IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
