"""EVSEs and meters remember, too, who said what of them."""

from alembic import op

from youguan.migration import run_script

revision = "0026"
down_revision = "0025"

SCRIPT = """
ALTER TABLE registry.provenance DROP CONSTRAINT provenance_kind_check,
    ADD CONSTRAINT provenance_kind_check CHECK (kind IN ('site', 'station', 'connector', 'evse', 'meter'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
