"""Inspections: plans, random draws, visits with their results and pieces, officers' interests; entries of the annual report."""

from alembic import op

from youguan.migration import run_script

revision = "0008"
down_revision = "0007"

SCRIPT = """
ALTER TABLE inspection.site ADD COLUMN construction text, ADD COLUMN retired boolean NOT NULL DEFAULT false;

CREATE TABLE inspection.plan (
    id text PRIMARY KEY,
    number text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('random', 'joint')),
    title text NOT NULL,
    departments text[] NOT NULL,
    division_code text,
    starts_on date NOT NULL,
    ends_on date NOT NULL CHECK (ends_on >= starts_on),
    reason text NOT NULL,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL
);
CREATE INDEX plan_newest ON inspection.plan (made_at DESC, id DESC);
CREATE INDEX plan_ends ON inspection.plan (ends_on) WHERE kind = 'joint';
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.plan
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.plan_item (
    plan_id text NOT NULL REFERENCES inspection.plan,
    place integer NOT NULL,
    department text NOT NULL,
    point text NOT NULL,
    item_id text NOT NULL,
    PRIMARY KEY (plan_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.plan_item
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

-- The pool is frozen with the plan; there is one draw, whoever would like another one.
CREATE TABLE inspection.draw (
    plan_id text PRIMARY KEY REFERENCES inspection.plan,
    pool jsonb NOT NULL,
    pool_sha256 text NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.draw
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
CREATE TABLE inspection.drawn (
    plan_id text PRIMARY KEY REFERENCES inspection.draw,
    seed text NOT NULL,
    drawn jsonb NOT NULL,
    drawn_at timestamptz NOT NULL,
    drawn_by text NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.drawn
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.visit (
    id text PRIMARY KEY,
    code text NOT NULL UNIQUE,
    plan_id text REFERENCES inspection.plan,
    channel text NOT NULL CHECK (channel IN ('on_site', 'remote')),
    state text NOT NULL CHECK (state IN ('planned', 'under_way', 'finished', 'cancelled')),
    site_id text,
    premises_name text NOT NULL,
    premises_address text NOT NULL,
    division_code text,
    departments text[] NOT NULL,
    officers text[] NOT NULL CHECK (cardinality(officers) = 2),
    reason text NOT NULL,
    planned_for date NOT NULL,
    planned_at timestamptz NOT NULL,
    planned_by text NOT NULL,
    moved_at timestamptz NOT NULL,
    began_at timestamptz,
    finished_at timestamptz,
    finished_by text,
    confirmed_at timestamptz,
    confirmed_by text,
    latitude double precision,
    longitude double precision
);
CREATE INDEX visit_newest ON inspection.visit (planned_at DESC, id DESC);
CREATE INDEX visit_plan ON inspection.visit (plan_id);
CREATE INDEX visit_site ON inspection.visit (site_id, finished_at);
CREATE INDEX visit_officers ON inspection.visit USING gin (officers) WHERE state IN ('planned', 'under_way');
CREATE INDEX visit_finished ON inspection.visit (finished_at) WHERE state = 'finished';

CREATE TABLE inspection.visit_point (
    visit_id text NOT NULL REFERENCES inspection.visit,
    place integer NOT NULL,
    department text NOT NULL,
    point text NOT NULL,
    item_id text NOT NULL,
    text text NOT NULL,
    text_en text NOT NULL,
    PRIMARY KEY (visit_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.visit_point
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

-- What was noted, one line each time; the newest of a place counts. `key` is the sender's: sent again, it is the same line.
CREATE TABLE inspection.visit_result (
    visit_id text NOT NULL,
    number integer NOT NULL,
    place integer NOT NULL,
    key text NOT NULL,
    result text NOT NULL CHECK (result IN ('passed', 'failed', 'not_applicable')),
    note text NOT NULL,
    at timestamptz NOT NULL,
    noted_by text NOT NULL,
    latitude double precision,
    longitude double precision,
    PRIMARY KEY (visit_id, number),
    UNIQUE (visit_id, key),
    FOREIGN KEY (visit_id, place) REFERENCES inspection.visit_point
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.visit_result
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

-- Photos, stills and extracts; `content` of what is no file on the shelf.
CREATE TABLE inspection.visit_piece (
    visit_id text NOT NULL REFERENCES inspection.visit,
    number integer NOT NULL,
    key text NOT NULL,
    place integer,
    kind text NOT NULL CHECK (kind IN ('photo', 'still', 'telemetry', 'frames', 'probe')),
    title text NOT NULL,
    source jsonb NOT NULL,
    sha256 text NOT NULL,
    size_bytes integer NOT NULL,
    media_type text NOT NULL,
    name text NOT NULL,
    content bytea,
    at timestamptz NOT NULL,
    added_by text NOT NULL,
    latitude double precision,
    longitude double precision,
    PRIMARY KEY (visit_id, number),
    UNIQUE (visit_id, key)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.visit_piece
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.visit_record (
    visit_id text PRIMARY KEY REFERENCES inspection.visit,
    number text NOT NULL UNIQUE,
    content jsonb NOT NULL,
    sha256 text NOT NULL,
    issued_at timestamptz NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.visit_record
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.officer_interest (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    organisation_id text NOT NULL,
    reason text NOT NULL,
    declared_at timestamptz NOT NULL,
    declared_by text NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX officer_interest_open ON inspection.officer_interest (subject, organisation_id) WHERE ended_at IS NULL;

ALTER TABLE inspection.case_file ADD COLUMN visit_id text REFERENCES inspection.visit;
CREATE INDEX case_visit ON inspection.case_file (visit_id) WHERE visit_id IS NOT NULL;
-- What the annual report counts and opens: decided penalties by their day, text that sorts as the days do.
CREATE INDEX case_decided ON inspection.case_file ((facts->>'decided_on')) WHERE facts->>'decided_on' IS NOT NULL;

CREATE TABLE inspection.report_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('training', 'publicity', 'exemplary_case')),
    "on" date NOT NULL,
    title text NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    source text NOT NULL,
    noted_at timestamptz NOT NULL,
    noted_by text NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_by text
);
CREATE INDEX report_entry_day ON inspection.report_entry ("on");
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
