"""What the reasons of refused rows were made of, so that they are said in the reader's language."""

from alembic import op

from youguan.migration import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script(op.get_bind(), "ALTER TABLE registry.import_line ADD COLUMN said jsonb;")
