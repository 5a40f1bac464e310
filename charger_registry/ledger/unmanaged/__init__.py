"""Sites that nobody manages: why, since when, who is accountable meanwhile, and how it is settled."""
