"""A station reports a fault of a connector that its file does not know."""

from alembic import op

from youguan.migration import run_script

revision = "0011"
down_revision = "0010"

# The file is amended by whoever filed it; until then the fault cannot be anybody's task.
RULES = """
INSERT INTO alerts.rule (name, severity, opens_task) VALUES ('file_contradicted', 'major', false);
"""


def upgrade() -> None:
    run_script(op.get_bind(), RULES)
