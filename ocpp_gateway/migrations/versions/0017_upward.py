"""Sites' files as the registry told them; what is queued for provinces is in the standard's words, whatever their profile."""

from alembic import op

from youguan.migration import run_script

revision = "0017"
down_revision = "0016"

SCRIPT = """
CREATE TABLE gateway.filed_site (
    site_id text PRIMARY KEY,
    operator_code text,
    cec_station_id text,
    file jsonb NOT NULL,
    retired boolean NOT NULL
);
CREATE INDEX filed_site_of_operator ON gateway.filed_site (operator_code, cec_station_id);

-- What sites delivered by day, as their platforms reckon it.
CREATE TABLE gateway.platform_stats (
    operator_id text NOT NULL,
    cec_station_id text NOT NULL,
    day date NOT NULL,
    energy_wh double precision NOT NULL,
    document jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (operator_id, cec_station_id, day)
);

ALTER TABLE gateway.upward_report DROP CONSTRAINT upward_report_state_check;
ALTER TABLE gateway.upward_report
    ADD CONSTRAINT upward_report_state_check CHECK (state IN ('waiting', 'taken', 'refused', 'overtaken'));
CREATE INDEX upward_report_subject ON gateway.upward_report (operator_id, kind, subject, id);

UPDATE gateway.upward_report SET content = content -> 'ConnectorStatusInfo' WHERE content ? 'ConnectorStatusInfo';
UPDATE gateway.upward_report SET content = content -> 'ChargeOrderInfo' WHERE content ? 'ChargeOrderInfo';
UPDATE gateway.upward_report
SET content = content - 'OrderNo' || jsonb_build_object('StartChargeSeq', content -> 'OrderNo') WHERE content ? 'OrderNo';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
