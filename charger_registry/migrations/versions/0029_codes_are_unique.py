"""A code by which others know an operator is one organisation's: held by the table, whoever writes at once.

Where two bear the same the one that exists still keeps it, else the first by its id; the other's is taken away and named in the
log of the upgrade.
"""

from alembic import op

from youguan.migration import run_script

revision = "0029"
down_revision = "0028"

SCRIPT = """
DO $$
DECLARE
    other record;
BEGIN
    FOR other IN
        WITH ranked AS (
            SELECT id, row_number() OVER (
                PARTITION BY operator_code ORDER BY deregistered_at IS NOT NULL, id
            ) AS place FROM registry.organisation WHERE operator_code IS NOT NULL
        )
        UPDATE registry.organisation o SET operator_code = NULL FROM registry.organisation was, ranked r
        WHERE r.id = o.id AND was.id = o.id AND r.place > 1 RETURNING o.id, was.operator_code AS code
    LOOP
        RAISE WARNING 'organisation %: its operator code % is another''s too, and was taken away', other.id, other.code;
    END LOOP;
    FOR other IN
        WITH ranked AS (
            SELECT id, row_number() OVER (
                PARTITION BY ocpi_country_code, ocpi_party_id ORDER BY deregistered_at IS NOT NULL, id
            ) AS place FROM registry.organisation WHERE ocpi_party_id IS NOT NULL
        )
        UPDATE registry.organisation o SET ocpi_country_code = NULL, ocpi_party_id = NULL
        FROM registry.organisation was, ranked r
        WHERE r.id = o.id AND was.id = o.id AND r.place > 1 RETURNING o.id, was.ocpi_party_id AS code
    LOOP
        RAISE WARNING 'organisation %: its OCPI party % is another''s too, and was taken away', other.id, other.code;
    END LOOP;
END $$;
CREATE UNIQUE INDEX organisation_operator_code ON registry.organisation (operator_code) WHERE operator_code IS NOT NULL;
CREATE UNIQUE INDEX organisation_ocpi_party ON registry.organisation (ocpi_country_code, ocpi_party_id)
    WHERE ocpi_party_id IS NOT NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
