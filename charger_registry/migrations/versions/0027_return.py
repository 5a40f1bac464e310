"""Who had a role before an order for a time has it back when the order ends."""

from alembic import op

from youguan.migration import run_script

revision = "0027"
down_revision = "0026"

SCRIPT = """
ALTER TABLE registry.responsibility DROP CONSTRAINT responsibility_origin_check,
    ADD CONSTRAINT responsibility_origin_check
        CHECK (origin IN ('filing', 'handover', 'order', 'return', 'import', 'sample'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
