"""Who is silent, who is accountable meanwhile, and every finding that nobody manages a site."""

from alembic import op

from youguan.migration import run_script

revision = "0015"
down_revision = "0014"

SCRIPT = """
INSERT INTO registry.ledger_threshold VALUES ('silent_unanswered_tasks', 3), ('silent_days_without_contact', 30);

CREATE TABLE registry.accountability (
    place integer PRIMARY KEY,
    role text NOT NULL UNIQUE CHECK (role IN ('builder', 'owner', 'maintainer', 'property_manager'))
);
INSERT INTO registry.accountability VALUES (1, 'owner'), (2, 'builder');

CREATE TABLE registry.asked_task (
    task_id text PRIMARY KEY,
    number text NOT NULL,
    cause text NOT NULL,
    site_id text NOT NULL,
    assignee_id text NOT NULL,
    opened_at timestamptz NOT NULL,
    due_on date,
    answered_at timestamptz,
    closed_at timestamptz
);
CREATE INDEX asked_task_site ON registry.asked_task (site_id, assignee_id);
CREATE INDEX asked_task_waiting ON registry.asked_task (due_on) WHERE answered_at IS NULL;

CREATE TABLE registry.contact_note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    organisation_id text NOT NULL,
    at timestamptz NOT NULL,
    noted_by text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX contact_note_site ON registry.contact_note (site_id, organisation_id);

CREATE TABLE registry.finding (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    reason text NOT NULL CHECK (reason IN ('no_manager', 'deregistered', 'contract_ended', 'silent')),
    since timestamptz NOT NULL,
    organisation_id text NOT NULL,
    accountable_id text NOT NULL,
    accountable_role text NOT NULL,
    found_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_because text CHECK (ended_because IN ('managed', 'changed', 'retired')),
    CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);
-- A site is found unmanaged once at a time.
CREATE UNIQUE INDEX finding_once ON registry.finding (site_id) WHERE ended_at IS NULL;

UPDATE registry.site SET unmanaged_reason = NULL, unmanaged_since = NULL WHERE retired_at IS NOT NULL;
INSERT INTO registry.finding (site_id, reason, since, organisation_id, accountable_id, accountable_role, found_at)
SELECT id, unmanaged_reason, unmanaged_since, '', '', '', unmanaged_since FROM registry.site
WHERE unmanaged_reason IS NOT NULL ORDER BY unmanaged_since, id;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
