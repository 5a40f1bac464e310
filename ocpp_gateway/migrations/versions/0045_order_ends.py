"""Platforms' orders are found by their end, so that those past keeping go without reading the others."""

from alembic import op

from youguan.migration import run_script

revision = "0045"
down_revision = "0044"

SCRIPT = """
CREATE INDEX platform_order_end ON gateway.platform_order (ended_at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
