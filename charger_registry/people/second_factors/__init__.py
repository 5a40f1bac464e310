"""The second factor of a login: codes of a time, and recovery codes."""
