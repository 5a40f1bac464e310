"""Officers, cases with their history and documents, and evidence in chains."""

from alembic import op

from youguan.migration import run_script

revision = "0003"
down_revision = "0002"

SCRIPT = """
CREATE TABLE inspection.officer (
    subject text PRIMARY KEY,
    name text NOT NULL,
    certificate text NOT NULL UNIQUE,
    valid_until date NOT NULL
);

CREATE TABLE inspection.case_file (
    id text PRIMARY KEY,
    number text NOT NULL UNIQUE,
    state text NOT NULL,
    procedure text,
    item_id text NOT NULL,
    party_kind text NOT NULL CHECK (party_kind IN ('citizen', 'organisation')),
    party_id text,
    party_name text NOT NULL,
    site_id text,
    station_id text,
    task_id text REFERENCES inspection.task,
    division_code text,
    act_key text NOT NULL,
    act_on date NOT NULL,
    found_on date NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    moved_at timestamptz NOT NULL,
    due_on date,
    period text,
    facts jsonb NOT NULL
);
CREATE INDEX case_newest ON inspection.case_file (opened_at DESC, id DESC);
CREATE INDEX case_due ON inspection.case_file (due_on) WHERE due_on IS NOT NULL;
CREATE INDEX case_state ON inspection.case_file (state, opened_at DESC);
CREATE INDEX case_party ON inspection.case_file (party_name, item_id);

-- One act is never fined twice: whoever decides first holds the act.
CREATE TABLE inspection.fined_act (
    act_key text PRIMARY KEY,
    case_id text NOT NULL REFERENCES inspection.case_file
);

CREATE TABLE inspection.case_history (
    case_id text NOT NULL REFERENCES inspection.case_file,
    place integer NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_name text NOT NULL,
    role text NOT NULL,
    command text NOT NULL,
    previous text,
    state text NOT NULL,
    reason text NOT NULL,
    said jsonb NOT NULL,
    document text,
    PRIMARY KEY (case_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_history
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.document_series (
    kind text NOT NULL,
    year integer NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (kind, year)
);

CREATE TABLE inspection.case_document (
    number text PRIMARY KEY,
    case_id text NOT NULL REFERENCES inspection.case_file,
    place integer NOT NULL,
    kind text NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    content jsonb NOT NULL,
    sha256 text NOT NULL
);
CREATE INDEX case_document_case ON inspection.case_document (case_id, place);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.case_document
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

CREATE TABLE inspection.evidence (
    case_id text NOT NULL REFERENCES inspection.case_file,
    place integer NOT NULL,
    collected_at timestamptz NOT NULL,
    record jsonb NOT NULL,
    content bytea,
    hash text NOT NULL,
    signature text NOT NULL,
    PRIMARY KEY (case_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.evidence
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
CREATE INDEX evidence_day ON inspection.evidence (collected_at);

CREATE TABLE inspection.evidence_root (
    day date PRIMARY KEY,
    record jsonb NOT NULL,
    hash text NOT NULL,
    signature text NOT NULL
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.evidence_root
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
