"""Notices: what is told to people where they are, by group robots, webhooks and e-mail: urged tasks, and cases that moved."""
