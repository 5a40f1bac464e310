"""The files of which an official is to decide whether they lapse, told once: what waited before there was an event was not told."""

from alembic import op

from youguan.migration import run_script

revision = "0043"
down_revision = "0042"

SCRIPT = """
WITH untold AS (
    SELECT row_number() OVER (ORDER BY f.lapse_due_since, f.id) AS place, jsonb_build_object(
        'filing_id', f.id, 'filing_number', f.number, 'site_id', f.site_id, 'at', now()) AS payload
    FROM registry.filing f WHERE f.lapse_due_since IS NOT NULL AND NOT EXISTS (
        SELECT FROM eventlog.event e WHERE e.type = 'FilingLapseDue' AND e.payload ->> 'filing_id' = f.id
        AND e.recorded_at >= f.lapse_due_since - 1)
), head AS (
    INSERT INTO eventlog.stream AS s (name, last_sequence)
    SELECT 'registry', count(*) FROM untold HAVING count(*) > 0
    ON CONFLICT (name) DO UPDATE SET last_sequence = s.last_sequence + excluded.last_sequence
    RETURNING s.last_sequence - (SELECT count(*) FROM untold) AS base
), turn AS (
    SELECT base, nextval('eventlog.event_serial') AS serial FROM head
)
INSERT INTO eventlog.event (stream, sequence, serial, type, version, payload)
SELECT 'registry', turn.base + untold.place, turn.serial, 'FilingLapseDue', 1, untold.payload FROM turn, untold;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
