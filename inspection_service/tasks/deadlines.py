"""By when something is due. Pure."""

from datetime import datetime

from inspection_service.tasks.rules import Terms


def due_at(opened_at: datetime, terms: Terms) -> datetime:
    """Return until when there is to mend: so much of the office's time, or of the clock's where there is danger."""
    return terms.due.after(opened_at)


def latest_due_at(due: datetime, terms: Terms) -> datetime:
    """Return until when a task may be put off, once: as long again."""
    return terms.due.after(due)
