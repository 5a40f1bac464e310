"""A request for a certificate that its station has replaced by another, before anybody decided."""

from alembic import op

from youguan.migration import run_script

revision = "0025"
down_revision = "0024"

SCRIPT = """
ALTER TABLE gateway.certificate_request DROP CONSTRAINT certificate_request_state_check;
ALTER TABLE gateway.certificate_request ADD CONSTRAINT certificate_request_state_check
    CHECK (state IN ('pending', 'approved', 'rejected', 'superseded'));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
