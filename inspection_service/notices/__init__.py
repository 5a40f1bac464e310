"""Notices: what is told to people where they are, by group robots, webhooks and e-mail: urged tasks, cases, filings, handovers."""
