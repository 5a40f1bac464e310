"""What a station adds to a notification in words of its own."""

from alembic import op

from youguan.migration import run_script

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    run_script(op.get_bind(), "ALTER TABLE telemetry.notification ADD COLUMN info text")
