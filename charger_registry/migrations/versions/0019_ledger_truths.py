"""Until when a handover is for, since when it was known that an organisation ceased to be, and who must be represented for what."""

from alembic import op

from youguan.migration import run_script

revision = "0019"
down_revision = "0018"

SCRIPT = """
ALTER TABLE registry.organisation ADD COLUMN deregistration_known_at timestamptz;
UPDATE registry.organisation SET deregistration_known_at = deregistered_at WHERE deregistered_at IS NOT NULL;

ALTER TABLE registry.handover ADD COLUMN until timestamptz;

ALTER TABLE registry.representative ADD COLUMN username text;
CREATE TABLE registry.representation (
    command text PRIMARY KEY CHECK (command IN ('propose', 'accept')),
    needed boolean NOT NULL
);
INSERT INTO registry.representation VALUES ('propose', false), ('accept', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
