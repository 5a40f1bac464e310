"""A code by which others know an operator is one organisation's: held by the table, whoever writes at once.

Where two bear the same the one that exists still keeps it, else the first by its id; the other's is taken away and kept as such.
"""

from alembic import op

from youguan.migration import run_script

revision = "0029"
down_revision = "0028"

SCRIPT = """
CREATE TABLE registry.taken_code (
    organisation_id text NOT NULL REFERENCES registry.organisation (id),
    kind text NOT NULL CHECK (kind IN ('operator_code', 'ocpi_party')),
    code text NOT NULL,
    kept_by text NOT NULL REFERENCES registry.organisation (id),
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organisation_id, kind)
);
INSERT INTO registry.taken_code (organisation_id, kind, code, kept_by)
SELECT id, kind, code, keeper FROM (
    SELECT id, kind, code, first_value(id) OVER same AS keeper
    FROM registry.organisation, LATERAL (
        VALUES ('operator_code', operator_code), ('ocpi_party', ocpi_country_code || ' ' || ocpi_party_id)
    ) AS known (kind, code)
    WHERE code IS NOT NULL WINDOW same AS (PARTITION BY kind, code ORDER BY deregistered_at IS NOT NULL, id)
) borne WHERE id <> keeper;
UPDATE registry.organisation SET operator_code = NULL
WHERE id IN (SELECT organisation_id FROM registry.taken_code WHERE kind = 'operator_code');
UPDATE registry.organisation SET ocpi_country_code = NULL, ocpi_party_id = NULL
WHERE id IN (SELECT organisation_id FROM registry.taken_code WHERE kind = 'ocpi_party');
CREATE UNIQUE INDEX organisation_operator_code ON registry.organisation (operator_code) WHERE operator_code IS NOT NULL;
CREATE UNIQUE INDEX organisation_ocpi_party ON registry.organisation (ocpi_country_code, ocpi_party_id)
    WHERE ocpi_party_id IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
