"""Monitoring equipment that passed legal and technical review: what it records counts as evidence by itself."""

from alembic import op

from youguan.migration import run_script

revision = "0025"
down_revision = "0024"

SCRIPT = """
CREATE TABLE inspection.monitoring_equipment (
    id text PRIMARY KEY,
    number text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('camera', 'meter', 'sensor')),
    place text NOT NULL,
    site_id text,
    legal_review text NOT NULL,
    technical_review text NOT NULL,
    published_in text NOT NULL,
    published_on date NOT NULL,
    valid_from date NOT NULL CHECK (valid_from >= published_on),
    valid_until date NOT NULL CHECK (valid_until >= valid_from),
    entered_at timestamptz NOT NULL,
    entered_by text NOT NULL,
    ended_on date CHECK (ended_on >= valid_from),
    end_reason text,
    ended_by text,
    CHECK ((ended_on IS NULL) = (end_reason IS NULL) AND (ended_on IS NULL) = (ended_by IS NULL)),
    EXCLUDE USING gist (
        number WITH =, daterange(valid_from, least(ended_on, valid_until + 1), '[)') WITH &&
    )
);
CREATE INDEX monitoring_equipment_entered ON inspection.monitoring_equipment (entered_at, id);
CREATE INDEX monitoring_equipment_site ON inspection.monitoring_equipment (site_id);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
