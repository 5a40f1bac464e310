"""Events of the gateways are many: what every consumer has handled is forgotten in the end."""

from alembic import op

from youguan.migration import run_script

revision = "0005"
down_revision = "0004"

SCRIPT = """
-- Streams are read from their beginning, in which the oldest events are; a step at a time, so that nothing is held for long.
CREATE FUNCTION eventlog.forget(streams text, before timestamptz) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    place record;
    step constant integer := 5000;
    gone bigint;
    total bigint := 0;
BEGIN
    FOR place IN
        SELECT s.name, min(coalesce(p.sequence, 0)) AS handled
        FROM eventlog.stream s CROSS JOIN eventlog.consumer c
        LEFT JOIN eventlog.consumer_position p ON p.stream = s.name AND p.consumer = c.name
        WHERE starts_with(s.name, streams) GROUP BY s.name
    LOOP
        DELETE FROM eventlog.event e USING (
            SELECT stream, sequence FROM eventlog.event
            WHERE stream = place.name AND sequence <= place.handled ORDER BY sequence LIMIT step
        ) oldest
        WHERE e.stream = oldest.stream AND e.sequence = oldest.sequence AND e.recorded_at < before;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
    END LOOP;
    RETURN total;
END $$;
REVOKE EXECUTE ON FUNCTION eventlog.forget FROM PUBLIC;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
