"""Rules over the event log: what is wrong now."""
