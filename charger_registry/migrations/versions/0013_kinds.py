"""Which kinds of connectors a site has, and of how much power, beside it: the public list is filtered by them."""

from alembic import op

from youguan.migration import run_script

revision = "0013"
down_revision = "0012"

SCRIPT = """
ALTER TABLE registry.published_site ADD COLUMN kinds jsonb NOT NULL DEFAULT '[]';
UPDATE registry.published_site s SET kinds = (
    SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object(
        'type', c -> 'type', 'current_type', c -> 'current_type', 'power_w', c -> 'power_w')), '[]')
    FROM registry.published_evse e, jsonb_array_elements(e.document -> 'connectors') c
    WHERE e.site_id = s.site_id AND e.removed_at IS NULL
);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
