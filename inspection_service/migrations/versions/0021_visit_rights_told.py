"""Whether the officers of a visit said that they showed their certificates and told the party its rights."""

from alembic import op

from youguan.migration import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_script(op.get_bind(), "ALTER TABLE inspection.visit ADD COLUMN rights_told boolean NOT NULL DEFAULT false;")
