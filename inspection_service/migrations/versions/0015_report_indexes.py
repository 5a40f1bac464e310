"""What the annual report counts of tasks and of what became of cases is found by cause and time."""

from alembic import op

from youguan.migration import run_script

revision = "0015"
down_revision = "0014"

SCRIPT = """
CREATE INDEX task_cause_opened ON inspection.task (cause, opened_at);
CREATE INDEX task_cause_closed ON inspection.task (cause, closed_at);
CREATE INDEX task_cause_occurred ON inspection.task (cause, occurred_at);
CREATE INDEX case_history_command ON inspection.case_history (command, at);
CREATE INDEX case_history_state ON inspection.case_history (state, at);
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
