"""Who is no regulator any more is told of no alerts, and his addresses say so."""

from alembic import op

from youguan.migration import run_script

revision = "0030"
down_revision = "0029"

SCRIPT = """
UPDATE inspection.notice_address a SET alerts_from = NULL
WHERE a.recipient LIKE 'person/%' AND a.alerts_from IS NOT NULL AND NOT EXISTS (
    SELECT FROM inspection.official o WHERE a.recipient = 'person/' || o.username AND 'regulator' = ANY (o.roles));
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
