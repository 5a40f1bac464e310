"""Unfiled stations that somebody has decided against."""

from alembic import op

from youguan.migration import run_script

revision = "0004"
down_revision = "0003"

SCRIPT = """
ALTER TABLE registry.unfiled_station
    ADD COLUMN rejected_at timestamptz,
    ADD COLUMN rejected_by text,
    ADD COLUMN rejected_reason text;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
