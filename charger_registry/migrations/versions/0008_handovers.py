"""Handovers of management, and the numbers by which the ledger's rules decide."""

from alembic import op

from youguan.migration import run_script

revision = "0008"
down_revision = "0007"

SCRIPT = """
CREATE TABLE registry.ledger_threshold (
    name text PRIMARY KEY,
    value integer NOT NULL CHECK (value > 0)
);
INSERT INTO registry.ledger_threshold VALUES ('handover_answer_working_days', 5);

CREATE TABLE registry.handover (
    id text PRIMARY KEY,
    site_id text NOT NULL,
    station_id text NOT NULL,
    from_organisation_id text NOT NULL,
    to_organisation_id text NOT NULL,
    proposer_id text NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    reason text NOT NULL,
    evidence_kind text NOT NULL CHECK (evidence_kind IN ('contract', 'acceptance_record', 'decision', 'other')),
    evidence_number text NOT NULL,
    evidence text NOT NULL,
    takes_over_at timestamptz,
    answer_by date NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'accepted', 'declined', 'withdrawn', 'lapsed', 'overtaken')),
    ended_at timestamptz,
    ended_by text,
    answer text,
    CHECK ((state = 'proposed') = (ended_at IS NULL))
);
-- One open proposal for one place.
CREATE UNIQUE INDEX handover_once ON registry.handover (site_id, station_id) WHERE state = 'proposed';
CREATE INDEX handover_newest ON registry.handover (proposed_at DESC, id DESC);
CREATE INDEX handover_receiver ON registry.handover (to_organisation_id);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
