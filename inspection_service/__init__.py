"""Tasks: who has to mend it, by when, and what happened."""
