"""Addresses at which people are told, and what is told there."""

from alembic import op

from youguan.migration import run_script

revision = "0018"
down_revision = "0017"

SCRIPT = """
CREATE TABLE inspection.notice_address (
    id text PRIMARY KEY, recipient text NOT NULL, kind text NOT NULL, address text NOT NULL,
    added_at timestamptz NOT NULL, added_by text NOT NULL, ended_at timestamptz
);
CREATE UNIQUE INDEX notice_address_once ON inspection.notice_address (recipient, kind, address) WHERE ended_at IS NULL;
CREATE TABLE inspection.notice (
    id text PRIMARY KEY, address_id text NOT NULL REFERENCES inspection.notice_address, words text NOT NULL,
    path text NOT NULL, event jsonb NOT NULL, made_at timestamptz NOT NULL, tries integer NOT NULL,
    try_at timestamptz, taken_at timestamptz, error text
);
CREATE INDEX notice_due ON inspection.notice (try_at) WHERE try_at IS NOT NULL;
CREATE INDEX notice_of_address ON inspection.notice (address_id, made_at);
CREATE INDEX notice_made ON inspection.notice (made_at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
