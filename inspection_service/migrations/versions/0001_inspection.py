"""Tasks with their history, and who is responsible for what as the registry told it."""

from alembic import op

from youguan.migration import run_script

revision = "0001"
down_revision = None

SCRIPT = """
CREATE TABLE inspection.site (
    id text PRIMARY KEY,
    name text NOT NULL,
    address text NOT NULL,
    division_code text,
    division_name text,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL
);

CREATE TABLE inspection.responsibility (
    site_id text NOT NULL,
    place integer NOT NULL,
    station_id text,
    role text NOT NULL,
    organisation_id text NOT NULL,
    organisation_name text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (site_id, place)
);

-- By how bad the cause is: days to mend it. By cause: how soon after closing the same fault opens the same task again.
CREATE TABLE inspection.mending_period (severity text PRIMARY KEY, days integer NOT NULL);
INSERT INTO inspection.mending_period VALUES ('critical', 1), ('major', 3), ('minor', 10), ('info', 30);
CREATE TABLE inspection.reopening (cause text PRIMARY KEY, within_s integer NOT NULL);
INSERT INTO inspection.reopening VALUES
    ('connector_fault', 3600), ('station_offline', 3600), ('unmanaged_site', 0), ('unfiled_charger', 0);

CREATE TABLE inspection.series (year integer PRIMARY KEY, last integer NOT NULL);

CREATE TABLE inspection.task (
    id text PRIMARY KEY,
    number text NOT NULL UNIQUE,
    cause text NOT NULL,
    subject text NOT NULL,
    alert_id text NOT NULL,
    severity text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'accepted', 'mended', 'verifying', 'closed')),
    site_id text,
    station_id text,
    connector integer,
    division_code text,
    assignee_id text NOT NULL,
    assignee_name text NOT NULL,
    assignee_role text NOT NULL,
    occurred_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    due_on date,
    verify_until timestamptz,
    closed_at timestamptz,
    details jsonb NOT NULL
);
CREATE UNIQUE INDEX task_once ON inspection.task (cause, subject) WHERE state <> 'closed';
CREATE INDEX task_newest ON inspection.task (opened_at DESC, id);
CREATE INDEX task_open ON inspection.task (opened_at DESC, id) WHERE state <> 'closed';
CREATE INDEX task_station ON inspection.task (station_id, opened_at DESC);
CREATE INDEX task_last ON inspection.task (cause, subject, closed_at DESC) WHERE state = 'closed';
CREATE INDEX task_verifying ON inspection.task (verify_until) WHERE state = 'verifying';

CREATE TABLE inspection.task_history (
    task_id text NOT NULL REFERENCES inspection.task,
    place integer NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    command text NOT NULL,
    previous text,
    state text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (task_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.task_history
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
