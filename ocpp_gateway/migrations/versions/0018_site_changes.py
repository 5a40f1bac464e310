"""When a site's file changed, for whoever asks for what has changed since."""

from alembic import op

from youguan.migration import run_script

revision = "0018"
down_revision = "0017"

SCRIPT = """
ALTER TABLE gateway.filed_site ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
