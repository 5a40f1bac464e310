"""Since when a site is known and until when it belonged to the county, so that the sites of a past day can be counted."""

from alembic import op

from youguan.migration import run_script

revision = "0014"
down_revision = "0013"

# What was retired before this was written down counts as retired now; when a site was filed its ledger tells.
SCRIPT = """
ALTER TABLE inspection.site ADD COLUMN filed_at timestamptz, ADD COLUMN retired_at timestamptz;
UPDATE inspection.site SET retired_at = now() WHERE retired;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
