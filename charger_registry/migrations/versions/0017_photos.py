"""Photos of sites for the public."""

from alembic import op

from youguan.migration import run_script

revision = "0017"
down_revision = "0016"

SCRIPT = """
CREATE TABLE registry.site_photo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    caption text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    media_type text NOT NULL,
    name text NOT NULL,
    added_at timestamptz NOT NULL,
    added_by text NOT NULL,
    removed_at timestamptz,
    removed_by text
);
CREATE INDEX site_photo_site ON registry.site_photo (site_id, id) WHERE removed_at IS NULL;
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
