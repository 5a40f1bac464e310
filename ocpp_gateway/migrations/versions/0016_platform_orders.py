"""What platforms tell of orders and of their operators is kept; an order's account overrules what was said before it."""

from alembic import op

from youguan.migration import run_script

revision = "0016"
down_revision = "0015"

SCRIPT = """
ALTER TABLE telemetry.transaction ADD COLUMN settled boolean NOT NULL DEFAULT false;

CREATE TABLE gateway.platform_operator (
    operator_id text PRIMARY KEY,
    name text,
    uscc text,
    document jsonb NOT NULL,
    received_at timestamptz NOT NULL
);

-- Every order as its platform told it last, whether it became a transaction or not.
CREATE TABLE gateway.platform_order (
    operator_id text NOT NULL,
    order_no text NOT NULL,
    connector_id text NOT NULL,
    station_id text,
    connector integer,
    state text NOT NULL CHECK (state IN ('transaction', 'unfiled', 'ambiguous', 'own_word')),
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    energy_wh double precision NOT NULL,
    document jsonb NOT NULL,
    first_received_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (operator_id, order_no)
);
CREATE INDEX platform_order_ended ON gateway.platform_order (operator_id, ended_at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
