"""Which sites lie outside of their division is kept until it is mended."""

from alembic import op

from youguan.migration import run_script

revision = "0030"
down_revision = "0029"

SCRIPT = """
CREATE TABLE registry.site_outside (
    site_id text PRIMARY KEY REFERENCES registry.site (id),
    declared text NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    division_code text NOT NULL,
    metres integer NOT NULL,
    found_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
