"""Who works for the county, told once: accounts of the sample and of the command line were not told when they were made."""

from alembic import op

from youguan.migration import run_script

revision = "0042"
down_revision = "0041"

SCRIPT = """
WITH official AS (
    SELECT row_number() OVER (ORDER BY p.username) AS place, jsonb_build_object(
        'username', p.username, 'name', p.name, 'roles', (SELECT jsonb_agg(role ORDER BY role) FROM unnest(p.roles) AS role),
        'organisation_id', p.organisation_id, 'division', p.division, 'team_id', p.team_id, 'level', p.level,
        'active', true) AS payload
    FROM registry.person p WHERE p.active AND p.roles && '{regulator,inspector,reviewer}'
), head AS (
    INSERT INTO eventlog.stream AS s (name, last_sequence)
    SELECT 'registry', count(*) FROM official HAVING count(*) > 0
    ON CONFLICT (name) DO UPDATE SET last_sequence = s.last_sequence + excluded.last_sequence
    RETURNING s.last_sequence - (SELECT count(*) FROM official) AS base
), turn AS (
    SELECT base, nextval('eventlog.event_serial') AS serial FROM head
)
INSERT INTO eventlog.event (stream, sequence, serial, type, version, payload)
SELECT 'registry', turn.base + official.place, turn.serial, 'PersonChanged', 1, official.payload FROM turn, official;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
