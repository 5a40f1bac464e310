"""Organisations' addresses and legal representatives, told once to those who did not ask for them before."""

from alembic import op

from youguan.migration import run_script

revision = "0037"
down_revision = "0036"

SCRIPT = """
WITH file AS (
    SELECT row_number() OVER (ORDER BY f.id) AS place, jsonb_build_object(
        'organisation_id', f.id, 'name', f.name, 'uscc', f.uscc, 'phone', f.phone, 'address', f.address,
        'representative', f.representative) AS payload
    FROM (SELECT o.*, (
        SELECT r.name FROM registry.representative r
        WHERE r.organisation_id = o.id AND r.kind = 'legal_representative' AND r.ended_at IS NULL ORDER BY r.id DESC LIMIT 1
    ) AS representative FROM registry.organisation o) f
    WHERE f.address <> '' OR f.representative IS NOT NULL
), head AS (
    INSERT INTO eventlog.stream AS s (name, last_sequence)
    SELECT 'registry', count(*) FROM file HAVING count(*) > 0
    ON CONFLICT (name) DO UPDATE SET last_sequence = s.last_sequence + excluded.last_sequence
    RETURNING s.last_sequence - (SELECT count(*) FROM file) AS base
), turn AS (
    SELECT base, nextval('eventlog.event_serial') AS serial FROM head
)
INSERT INTO eventlog.event (stream, sequence, serial, type, version, payload)
SELECT 'registry', turn.base + file.place, turn.serial, 'OrganisationFiled', 1, file.payload FROM turn, file;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
