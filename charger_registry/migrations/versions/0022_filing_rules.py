"""What filings need and how long things may take, each from a day on."""

from alembic import op

from youguan.migration import run_script

revision = "0022"
down_revision = "0021"

SCRIPT = """
ALTER TABLE registry.filing_term ADD COLUMN valid_from date NOT NULL DEFAULT '2000-01-01';
ALTER TABLE registry.filing_term DROP CONSTRAINT filing_term_pkey, ADD PRIMARY KEY (name, valid_from);
CREATE TABLE registry.document_rule (
    code text NOT NULL,
    valid_from date NOT NULL,
    required boolean NOT NULL,
    promisable boolean NOT NULL,
    expires boolean NOT NULL,
    warning_days integer NOT NULL CHECK (warning_days BETWEEN 0 AND 365),
    PRIMARY KEY (code, valid_from)
);
INSERT INTO registry.document_rule
    SELECT code, '2000-01-01', required, promisable, expires, warning_days FROM registry.document_type;
ALTER TABLE registry.document_type DROP COLUMN required, DROP COLUMN promisable, DROP COLUMN expires, DROP COLUMN warning_days;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
