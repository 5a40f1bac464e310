"""How often a station shall say that it is there, by policy, and who has not said so for too long."""
