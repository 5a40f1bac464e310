"""Imports with a preview, boundaries of divisions, and sites that may be one."""

from alembic import op

from youguan.migration import run_script

revision = "0012"
down_revision = "0011"

SCRIPT = """
CREATE TABLE registry.import_upload (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    format text NOT NULL,
    crs text,
    content bytea,
    brought_by text NOT NULL,
    brought_at timestamptz NOT NULL,
    plan text NOT NULL,
    counts jsonb NOT NULL,
    notes jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('previewed', 'committed', 'discarded')),
    decided_at timestamptz,
    -- What waits for a decision is kept; what was decided has no need of its content.
    CHECK ((state = 'previewed') = (content IS NOT NULL))
);
CREATE INDEX import_upload_by ON registry.import_upload (brought_by, id);

CREATE TABLE registry.import_line (
    upload_id bigint NOT NULL REFERENCES registry.import_upload ON DELETE CASCADE,
    place integer NOT NULL,
    row integer NOT NULL,
    site_id text NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('added', 'changed', 'unchanged', 'refused')),
    field text NOT NULL,
    reason text NOT NULL,
    changes jsonb NOT NULL,
    PRIMARY KEY (upload_id, place)
);

CREATE TABLE registry.boundary (
    division_code text PRIMARY KEY,
    name text,
    geometry jsonb NOT NULL,
    loaded_at timestamptz NOT NULL,
    loaded_by text NOT NULL
);

CREATE TABLE registry.duplicate (
    first text NOT NULL,
    second text NOT NULL CHECK (first < second COLLATE "C"),
    score integer NOT NULL,
    reasons jsonb NOT NULL,
    found_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'different', 'merged')),
    decided_at timestamptz,
    decided_by text,
    reason text,
    PRIMARY KEY (first, second)
);
CREATE INDEX duplicate_proposed ON registry.duplicate (score DESC, first, second) WHERE state = 'proposed';

ALTER TABLE registry.site ADD COLUMN merged_into text;
CREATE INDEX site_place ON registry.site USING gist (point(longitude, latitude)) WHERE retired_at IS NULL;
CREATE INDEX station_serial ON registry.station (serial_number, vendor) WHERE retired_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
