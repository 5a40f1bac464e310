"""Who may charge: id tokens, groups, local lists, reservations, charging profiles."""

from alembic import op

from youguan.migration import run_script

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE gateway.id_token_group (
    group_id text PRIMARY KEY,
    name text NOT NULL,
    master_pass boolean NOT NULL
);

CREATE TABLE gateway.id_token (
    key text PRIMARY KEY,
    id_token text NOT NULL,
    type text,
    group_id text REFERENCES gateway.id_token_group ON UPDATE CASCADE,
    status text NOT NULL CHECK (status IN ('accepted', 'blocked')),
    expires_at timestamptz,
    concurrent boolean NOT NULL,
    note text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX id_token_group_members ON gateway.id_token (group_id);

CREATE TABLE gateway.local_list (
    station_id text PRIMARY KEY,
    version integer NOT NULL,
    entries jsonb,
    at timestamptz NOT NULL
);

CREATE TABLE gateway.reservation (
    station_id text NOT NULL,
    reservation_id bigint NOT NULL,
    connector integer,
    id_token text NOT NULL,
    group_id text,
    expires_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('held', 'used', 'cancelled', 'expired', 'removed')),
    made_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (station_id, reservation_id)
);
CREATE INDEX reservation_held ON gateway.reservation (expires_at) WHERE state = 'held';

CREATE TABLE gateway.charging_profile (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station_id text NOT NULL,
    profile_id bigint NOT NULL,
    connector integer,
    purpose text NOT NULL,
    stack_level integer NOT NULL,
    transaction_id text,
    valid_from timestamptz,
    valid_to timestamptz,
    profile jsonb NOT NULL,
    source text NOT NULL,
    set_at timestamptz NOT NULL,
    cleared_at timestamptz
);
CREATE UNIQUE INDEX charging_profile_current ON gateway.charging_profile (station_id, profile_id)
    WHERE cleared_at IS NULL;

CREATE INDEX transaction_open_token ON telemetry.transaction (id_token) WHERE stopped_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)
