"""A station has one posting of fees of its own at an instant, wherever it stands."""

from alembic import op

from youguan.migration import run_script

revision = "0023"
down_revision = "0022"

SCRIPT = """
ALTER TABLE registry.price_posting ADD CONSTRAINT one_posting_of_a_station EXCLUDE USING gist
    (station_id WITH =, tstzrange(valid_from, valid_until) WITH &&) WHERE (station_id <> '');
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
