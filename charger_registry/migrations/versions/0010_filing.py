"""The filing of sites: files with their documents and promises, their history, and how long things may take."""

from alembic import op

from youguan.migration import run_script

revision = "0010"
down_revision = "0009"

SCRIPT = """
-- Working days, but months of grace. Set by the county: an answer within five days is what Art. 32 of the Administrative
-- Licensing Law gives for saying what is missing.
CREATE TABLE registry.filing_term (name text PRIMARY KEY, amount integer NOT NULL CHECK (amount > 0));
INSERT INTO registry.filing_term VALUES
    ('answer', 5), ('decision', 10), ('supplement', 15), ('promise', 30), ('grace', 6);

-- What endangers people is never promised, it must be there.
CREATE TABLE registry.document_type (
    code text PRIMARY KEY,
    place integer NOT NULL,
    name text NOT NULL,
    name_en text NOT NULL,
    required boolean NOT NULL,
    promisable boolean NOT NULL,
    expires boolean NOT NULL,
    warning_days integer NOT NULL DEFAULT 30
);
INSERT INTO registry.document_type VALUES
    ('fire_acceptance', 1, '消防验收或备案凭证', 'Fire acceptance', true, false, false, 30),
    ('electrical_acceptance', 2, '电气安装竣工验收', 'Electrical acceptance', true, false, false, 30),
    ('metering_verification', 3, '计量检定证书', 'Metering verification', true, true, true, 60),
    ('insurance', 4, '安全责任保险', 'Liability insurance', true, true, true, 30),
    ('land_consent', 5, '场地或车位使用同意书', 'Land or parking consent', true, true, false, 60),
    ('management_contract', 6, '委托运营合同', 'Management contract', false, false, false, 60),
    ('other', 9, '其他材料', 'Other', false, false, false, 30);

CREATE TABLE registry.filing_series (year integer PRIMARY KEY, last integer NOT NULL);

CREATE TABLE registry.filing (
    id text PRIMARY KEY,
    number text UNIQUE,
    channel text NOT NULL CHECK (channel IN ('online', 'counter')),
    organisation_id text NOT NULL,
    site_id text,
    state text NOT NULL CHECK (state IN ('draft', 'submitted', 'supplement_required', 'accepted', 'in_operation', 'suspended',
                                         'retired', 'withdrawn', 'rejected')),
    name text NOT NULL,
    division_code text NOT NULL,
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    moved_at timestamptz NOT NULL,
    due_on date,
    submitted_at timestamptz,
    answered_at timestamptz,
    answer_due_on date,
    decision_due_on date,
    decision_days_left integer,
    asked_for text[] NOT NULL DEFAULT '{}',
    asked_at timestamptz,
    asked_why text,
    decided_at timestamptz,
    suspended_by text,
    started_on date,
    rating integer CHECK (rating BETWEEN 1 AND 5),
    rating_comment text,
    rated_at timestamptz
);
CREATE INDEX filing_due ON registry.filing (due_on, id) WHERE due_on IS NOT NULL;
CREATE INDEX filing_newest ON registry.filing (moved_at DESC, id DESC);
CREATE INDEX filing_organisation ON registry.filing (organisation_id, moved_at DESC);
CREATE INDEX filing_submitted ON registry.filing (submitted_at) WHERE submitted_at IS NOT NULL;
-- A site has one file that stands, and one more at most that is on its way.
CREATE UNIQUE INDEX filing_standing ON registry.filing (site_id) WHERE state IN ('accepted', 'in_operation', 'suspended');
CREATE UNIQUE INDEX filing_on_its_way ON registry.filing (site_id) WHERE state IN ('draft', 'submitted', 'supplement_required');

-- `told`: what the watch has said about its validity.
CREATE TABLE registry.filing_document (
    id text PRIMARY KEY,
    filing_id text NOT NULL REFERENCES registry.filing,
    type text NOT NULL REFERENCES registry.document_type,
    number text NOT NULL,
    valid_from date,
    valid_until date,
    replaces text REFERENCES registry.filing_document,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    media_type text NOT NULL,
    name text NOT NULL,
    added_at timestamptz NOT NULL,
    added_by text NOT NULL,
    ended_at timestamptz,
    ended_by text,
    told text CHECK (told IN ('expiring', 'expired'))
);
CREATE INDEX filing_document_filing ON registry.filing_document (filing_id, added_at);
CREATE INDEX filing_document_valid ON registry.filing_document (valid_until) WHERE ended_at IS NULL AND valid_until IS NOT NULL;

CREATE TABLE registry.filing_promise (
    filing_id text NOT NULL REFERENCES registry.filing,
    type text NOT NULL REFERENCES registry.document_type,
    due_on date NOT NULL,
    promised_at timestamptz NOT NULL,
    kept_at timestamptz,
    told_at timestamptz,
    PRIMARY KEY (filing_id, type)
);
CREATE INDEX filing_promise_due ON registry.filing_promise (due_on) WHERE kept_at IS NULL;

-- `content`: what was submitted, each time.
CREATE TABLE registry.filing_history (
    filing_id text NOT NULL REFERENCES registry.filing,
    place integer NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    command text NOT NULL,
    previous text,
    state text NOT NULL,
    reason text NOT NULL,
    content jsonb,
    PRIMARY KEY (filing_id, place)
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON registry.filing_history
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();

-- For how long a new site is guided before anything else: [since, until).
CREATE TABLE registry.grace_period (
    site_id text PRIMARY KEY,
    filing_id text NOT NULL REFERENCES registry.filing,
    since date NOT NULL,
    until date NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
