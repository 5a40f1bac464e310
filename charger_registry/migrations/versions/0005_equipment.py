"""What stands at a site: EVSEs, connectors, meters, fees; codes of T/CEC 102 and OCPI; and who gave us each field."""

from alembic import op

from youguan.migration import run_script

revision = "0005"
down_revision = "0004"

SCRIPT = """
ALTER TABLE registry.organisation
    ADD COLUMN operator_code text,
    ADD COLUMN ocpi_country_code text,
    ADD COLUMN ocpi_party_id text;

ALTER TABLE registry.site
    ADD COLUMN position text NOT NULL DEFAULT 'unverified' CHECK (position IN ('verified', 'unverified')),
    ADD COLUMN usage text,
    ADD COLUMN construction text,
    ADD COLUMN bays integer CHECK (bays >= 0),
    ADD COLUMN accessible_bays integer CHECK (accessible_bays >= 0),
    ADD COLUMN opening_hours jsonb,
    ADD COLUMN help_phone text,
    ADD COLUMN site_phone text,
    ADD COLUMN parking text,
    ADD COLUMN parking_rules text,
    ADD COLUMN guide text,
    ADD COLUMN renewable boolean,
    ADD COLUMN operator_code text,
    ADD COLUMN cec_station_id text,
    ADD COLUMN ocpi_country_code text,
    ADD COLUMN ocpi_party_id text,
    ADD COLUMN ocpi_location_id text,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
-- Their ids are unique within an operator; a site that is gone no longer holds its code.
CREATE UNIQUE INDEX site_cec ON registry.site (operator_code, cec_station_id) WHERE retired_at IS NULL;

ALTER TABLE registry.station
    ADD COLUMN name text,
    ADD COLUMN vendor text,
    ADD COLUMN model text,
    ADD COLUMN serial_number text,
    ADD COLUMN manufacturer_code text,
    ADD COLUMN made_on date,
    ADD COLUMN cec_equipment_id text,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX station_cec ON registry.station (cec_equipment_id);

CREATE TABLE registry.evse (
    station_id text NOT NULL,
    evse integer NOT NULL,
    evse_id text,
    bay text,
    PRIMARY KEY (station_id, evse)
);

CREATE TABLE registry.connector (
    station_id text NOT NULL,
    connector integer NOT NULL CHECK (connector > 0),
    evse integer NOT NULL,
    name text,
    type text,
    format text CHECK (format IN ('SOCKET', 'CABLE')),
    current_type text CHECK (current_type IN ('AC', 'DC')),
    power_w integer,
    voltage_v integer,
    current_a integer,
    national_standard integer,
    cec_connector_id text,
    ocpi_connector_id text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (station_id, connector)
);
CREATE INDEX connector_cec ON registry.connector (cec_connector_id);

INSERT INTO registry.connector (station_id, connector, evse, current_type)
SELECT id, n, n, current_type FROM registry.station, generate_series(1, connectors) n WHERE current_type IN ('AC', 'DC');
INSERT INTO registry.evse (station_id, evse) SELECT station_id, evse FROM registry.connector;

CREATE TABLE registry.meter (
    station_id text NOT NULL,
    connector integer NOT NULL DEFAULT 0,
    serial_number text,
    certificate_number text,
    verified_on date,
    verification_due_on date,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (station_id, connector)
);
CREATE INDEX meter_due ON registry.meter (verification_due_on);

CREATE TABLE registry.price_posting (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    station_id text NOT NULL DEFAULT '',
    currency text NOT NULL,
    bands jsonb NOT NULL,
    energy_text text,
    service_text text,
    parking_text text,
    idle_text text,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz CHECK (valid_until >= valid_from),
    posted_at timestamptz NOT NULL,
    posted_by text NOT NULL,
    -- One posting holds at an instant; one that is replaced in the moment in which it began held never.
    CONSTRAINT one_posting EXCLUDE USING gist
        (site_id WITH =, station_id WITH =, tstzrange(valid_from, valid_until) WITH &&)
);

CREATE TABLE registry.source (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('import', 'person', 'filing', 'sample')),
    name text NOT NULL,
    actor text,
    at timestamptz NOT NULL
);

CREATE TABLE registry.provenance (
    kind text NOT NULL CHECK (kind IN ('site', 'station', 'connector')),
    subject text NOT NULL,
    fields jsonb NOT NULL,
    PRIMARY KEY (kind, subject)
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
