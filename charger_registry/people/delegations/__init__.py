"""Acting for somebody else until a day."""
