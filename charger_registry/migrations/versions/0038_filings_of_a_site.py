"""The filings of a site are found whatever their state: whether it operates is asked with every batch of the public picture."""

from alembic import op

from youguan.migration import run_script

revision = "0038"
down_revision = "0037"

SCRIPT = "CREATE INDEX filing_site ON registry.filing (site_id);"


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
