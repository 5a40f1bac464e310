"""The ledger: evidence by kind and number, who recorded what and why, and nothing of it ever rewritten."""

from alembic import op

from youguan.migration import run_script

revision = "0006"
down_revision = "0005"

SCRIPT = """
ALTER TABLE registry.responsibility
    ADD COLUMN evidence_kind text NOT NULL DEFAULT 'other'
        CHECK (evidence_kind IN ('contract', 'acceptance_record', 'decision', 'other')),
    ADD COLUMN evidence_number text NOT NULL DEFAULT '',
    ADD COLUMN recorded_by text NOT NULL DEFAULT 'import',
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN withdrawn_by text,
    ADD COLUMN withdrawn_reason text;

UPDATE registry.responsibility SET evidence_kind = 'decision', recorded_by = origin WHERE origin = 'order';
UPDATE registry.responsibility SET withdrawn_by = '' , withdrawn_reason = '' WHERE NOT upper_inf(believed);

-- A line is written once. All that may be said of it later, once, is that it is believed no longer, by whom and why.
CREATE FUNCTION registry.keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended registry.responsibility := OLD;
BEGIN
    IF TG_OP = 'UPDATE' AND upper_inf(OLD.believed) AND NOT upper_inf(NEW.believed) THEN
        ended.believed := tstzrange(lower(OLD.believed), upper(NEW.believed));
        ended.withdrawn_by := NEW.withdrawn_by;
        ended.withdrawn_reason := NEW.withdrawn_reason;
        IF ended = NEW AND NOT isempty(NEW.believed) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger of responsibility is never rewritten';
END $$;
CREATE TRIGGER keep_ledger BEFORE UPDATE OR DELETE ON registry.responsibility
    FOR EACH ROW EXECUTE FUNCTION registry.keep_ledger();
CREATE FUNCTION registry.keep_ledger_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger of responsibility is never emptied';
END $$;
CREATE TRIGGER keep_ledger_whole BEFORE TRUNCATE ON registry.responsibility
    EXECUTE FUNCTION registry.keep_ledger_whole();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
