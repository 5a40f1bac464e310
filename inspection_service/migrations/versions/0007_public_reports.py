"""What everybody may report of a charger."""

from alembic import op

from youguan.migration import run_script

revision = "0007"
down_revision = "0006"

SCRIPT = """
CREATE TABLE inspection.public_report (
    receipt text PRIMARY KEY,
    token text UNIQUE,
    task_id text NOT NULL REFERENCES inspection.task,
    matter text NOT NULL,
    said text NOT NULL,
    received_at timestamptz NOT NULL,
    photo_type text,
    photo bytea,
    erased_at timestamptz
);
CREATE INDEX public_report_task ON inspection.public_report (task_id, received_at);
CREATE INDEX public_report_kept ON inspection.public_report (received_at) WHERE erased_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
